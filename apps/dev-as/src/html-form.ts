/** A form on a page. */
export interface HtmlForm {
  /** As written; empty or missing means the page's own URL. */
  action: string;
  method: string;
  /** Inputs that have a name, with their values. */
  fields: Map<string, string>;
  buttons: { name: string; value: string }[];
}

/** The first form of a page. Reads the plain markup of this project's own pages, not any HTML. */
export function firstForm(html: string): HtmlForm | undefined {
  const match = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(html);
  if (!match) return undefined;
  const [, head = '', content = ''] = match;
  const fields = new Map<string, string>();
  for (const [, input = ''] of content.matchAll(/<input\b([^>]*)>/gi)) {
    const name = attribute(input, 'name');
    if (name !== undefined) fields.set(name, attribute(input, 'value') ?? '');
  }
  const buttons = [...content.matchAll(/<button\b([^>]*)>/gi)].map(([, button = '']) => ({
    name: attribute(button, 'name') ?? '',
    value: attribute(button, 'value') ?? '',
  }));
  return {
    action: attribute(head, 'action') ?? '',
    method: (attribute(head, 'method') ?? 'get').toLowerCase(),
    fields,
    buttons,
  };
}

function attribute(tag: string, name: string): string | undefined {
  const match = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, 'i').exec(tag);
  const value = match?.[1] ?? match?.[2] ?? match?.[3];
  return value === undefined ? undefined : unescapeHtml(value);
}

function unescapeHtml(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replace(/&#0*39;|&#x27;|&apos;/gi, "'")
    .replaceAll('&amp;', '&');
}
