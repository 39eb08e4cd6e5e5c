import type { Connection } from '#proto/tokenbroker/v1/connection_service';
import { clientName } from '../input/names.js';

const PAGE = 1_000;

/** The parent to list below: one OAuth client, or all. */
export function parentOf(client: string | undefined): string {
  return client === undefined ? 'clients/-' : clientName(client);
}

/** Page after page, until there are enough. */
export async function upTo(
  limit: number,
  list: (page: { pageSize: number; pageToken: string }) => Promise<{
    connections: Connection[];
    nextPageToken: string;
  }>,
): Promise<{ connections: Connection[]; more: boolean }> {
  const connections: Connection[] = [];
  let pageToken = '';
  do {
    const pageSize = Math.min(PAGE, limit - connections.length);
    const page = await list({ pageSize, pageToken });
    connections.push(...page.connections);
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && connections.length < limit);
  return { connections, more: pageToken !== '' };
}
