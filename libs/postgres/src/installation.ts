import type { DataSource } from 'typeorm';
import { sealingContext, Secret, type Sealed, type Sealer } from '#libs/core';
import { InstallationRow } from './rows.js';
import { translated } from './store-errors.js';

/** What is sealed to recognise the key by. It is no secret. */
const CHECK = 'token broker';

/**
 * Makes sure that the sealing keys are the ones that this database was sealed with, before anything is
 * claimed. The first start leaves a sealed mark; every later one has to open it.
 * @returns the installation's id
 * @throws {SealError} where the keys are others
 * @throws {StoreUnavailableError}
 */
export async function checkSealingKey(source: DataSource, sealer: Sealer): Promise<string> {
  const read = (): Promise<InstallationRow> =>
    translated(() => source.getRepository(InstallationRow).findOneByOrFail({ only_row: true }));
  const { id, sealed_check: mark } = await read();
  if (mark === null) {
    const sealed = await sealer.seal(new Secret(CHECK), sealingContext.installation(id));
    await translated(() =>
      source.query('UPDATE token_broker.installation SET sealed_check = $1 WHERE sealed_check IS NULL', [
        sealed,
      ]),
    );
  }
  // Read again: another replica may have left its mark first.
  const { sealed_check: sealed } = await read();
  await sealer.open(sealed as Sealed, sealingContext.installation(id));
  return id;
}
