import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Secret } from '#libs/core';
import type { Terminal } from '../terminal.js';
import { UsageError } from '../usage-error.js';

const LARGEST = 64 * 1024;

/**
 * Reads a secret from a file, or from standard input: piped, or typed without an echo. Never from the
 * command line, which every user of the machine can see and which the shell writes down.
 * @param what for the prompt and for messages: `refresh token`
 * @throws {UsageError} where it is empty, too long, or the file cannot be read
 */
export async function readSecret(terminal: Terminal, what: string, file?: string): Promise<Secret> {
  const text = file === undefined ? await fromInput(terminal, what) : fromFile(resolve(terminal.cwd, file));
  // The line break at the end belongs to the file or the pipe.
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw new UsageError(`The ${what} is empty.`);
  if (secret.length > LARGEST) throw new UsageError(`The ${what} is longer than ${LARGEST} characters.`);
  return new Secret(secret);
}

function fromFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new UsageError(`${path} cannot be read.`);
  }
}

async function fromInput(terminal: Terminal, what: string): Promise<string> {
  if (terminal.stdin.isTTY) return typed(terminal, what);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of terminal.stdin as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > 2 * LARGEST) break;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function typed({ stdin, stderr }: Terminal, what: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: silent, terminal: true });
  stderr.write(`Type or paste the ${what} (it is not shown): `);
  return new Promise((done, failed) => {
    lines.once('SIGINT', () => lines.close());
    lines.once('close', () => failed(new UsageError(`No ${what} was given.`)));
    lines.once('line', (line) => {
      done(line);
      lines.close();
      stderr.write('\n');
    });
  });
}
