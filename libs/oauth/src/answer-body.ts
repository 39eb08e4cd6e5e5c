import type { RawAnswer } from '#libs/core';
import { isErrorCode, LONGEST_WORDS } from './server-words.js';
import { parseForm, parseObject } from './token-response.js';

/** The body of an answer, as far as it can be read. Nothing in it is fit to be shown yet. */
export interface AnswerBody {
  readonly members: Readonly<Record<string, unknown>>;
  readonly form: 'json' | 'form' | 'empty' | 'html' | 'other';
  /** `error` (RFC 6749 section 5.2). */
  readonly error?: string;
  /** What is said about it, in the member that is there for that. */
  readonly description?: string;
  /** All that is said, for finding phrases in it. */
  readonly words: string;
}

/** Where servers say what is wrong: the RFC's member, Hydra's hint beside it, Okta's and plain APIs' own. */
const DESCRIPTIONS = ['error_description', 'error_hint', 'errorSummary', 'message'] as const;

/**
 * Reads a body: a JSON object as RFC 6749 has it, or a form where the answer says that it is one (what GitHub
 * and others of its age answer).
 */
export function readBody(answer: RawAnswer): AnswerBody {
  const text = answer.body.reveal();
  const contentType = answer.headers['content-type'] ?? '';
  const json = parseObject(text);
  const members = json ?? parseForm(text, contentType);
  if (!members) return { members: {}, form: formOf(text, contentType), words: text.slice(0, LONGEST_WORDS) };
  const said = DESCRIPTIONS.map((name) => members[name]).filter((value) => typeof value === 'string');
  const error = members['error'];
  return {
    members,
    form: json ? 'json' : 'form',
    ...(isErrorCode(error) ? { error } : {}),
    ...(said[0] === undefined ? {} : { description: said[0] }),
    words: said.map((text_) => text_.slice(0, LONGEST_WORDS)).join('\n'),
  };
}

function formOf(text: string, contentType: string): AnswerBody['form'] {
  const start = text.trimStart();
  if (start === '') return 'empty';
  return /\bx?html\b/i.test(contentType) || /^<(!doctype\s+html|html|head|body|h\d)\b/i.test(start)
    ? 'html'
    : 'other';
}
