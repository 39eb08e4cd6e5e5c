import { existsSync } from 'node:fs';
import { generateKeyFile } from '#libs/sealing';

/** The sealing key of the development profile: made at the first start, taken up at every later one. */
export async function ensureSealingKey(file: string): Promise<void> {
  if (!existsSync(file)) await generateKeyFile(file);
}
