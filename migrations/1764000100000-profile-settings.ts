import type { MigrationInterface, QueryRunner } from 'typeorm';

/** An OAuth client's own settings over those of its profile; null where it has none. */
export class ProfileSettings1764000100000 implements MigrationInterface {
  readonly name = 'ProfileSettings1764000100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE token_broker.oauth_client ADD COLUMN profile_settings jsonb`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE token_broker.oauth_client DROP COLUMN profile_settings`);
  }
}
