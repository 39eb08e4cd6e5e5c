import type { ChildLine } from './child.js';

/** Turns the broker's log lines into lines for a person; most of them say nothing here. */
export function narrate(replica: string, line: ChildLine): string | undefined {
  const { json } = line;
  if (!json) return line.text.trim() === '' ? undefined : `${replica}: ${line.text}`;
  const text = (name: string): string => String((json[name] as string | number | undefined) ?? '');
  const time = new Date().toISOString().slice(11, 19);
  switch (json['event']) {
    case 'rotation.succeeded': {
      const moved =
        json['fromGeneration'] === json['toGeneration']
          ? 'new access token'
          : `generation ${text('fromGeneration')} → ${text('toGeneration')}`;
      const until = new Date(Number(json['expiresAt'])).toISOString().slice(11, 19);
      return `${time}  ${replica}  rotated ${text('connection')}: ${moved}, good until ${until}, in ${Math.round(Number(json['durationMs']))} ms (${text('trigger')})`;
    }
    case 'rotation.failed': {
      const error = json['error'] as { code?: string; description?: string } | undefined;
      return `${time}  ${replica}  NOT rotated ${text('connection')}: ${text('outcome')}${error ? `, ${error.code}: ${error.description}` : ''}`;
    }
    case 'connection.changed':
      return `${time}  ${replica}  ${text('connection')} ${text('what')} by ${text('by')}: ${text('state')}`;
    case 'database.away':
      return `${time}  ${replica}  the database is away; serving what is held`;
    case 'database.back':
      return `${time}  ${replica}  the database is back`;
    default:
      return Number(json['level']) >= 50 || ['error', 'fatal'].includes(text('level'))
        ? `${time}  ${replica}  ${text('msg')}`
        : undefined;
  }
}
