import { Option, type Command } from 'commander';
import {
  Installation_FreezeReason as FreezeReason,
  Replica_State as State,
  ThawInstallationRequest_Lineage as Lineage,
  type Installation,
  type Replica,
} from '#proto/tokenbroker/v1/fleet_service';
import { lastSegment } from '../input/names.js';
import { card, table } from '../output/table.js';
import { when } from '../output/times.js';
import type { Session } from '../session.js';
import type { Terminal } from '../terminal.js';
import { UsageError } from '../usage-error.js';
import { action } from './command.js';

const NAME = 'replicas/{replica}, or what it is called in the list';
const REPLICA_ENUMS = { state: State };
const INSTALLATION_ENUMS = { freeze_reason: FreezeReason };
const LINEAGES = { current: Lineage.CURRENT, outdated: Lineage.OUTDATED } as const;

/** `brokerctl replicas` */
export function addReplicaCommands(program: Command, terminal: Terminal): void {
  const replicas = program.command('replicas').description('the processes of the broker, and their spools');
  replicas
    .command('list')
    .description('list the replicas that the database knows')
    .action(
      action(terminal, async (session) => {
        const answer = await listed(session);
        session.show({ replicas: answer }, REPLICA_ENUMS, () => replicaTable(answer, terminal.now()));
      }),
    );
  replicas
    .command('declare-lost')
    .description('a replica will not come back with its spool: nobody waits for its answers any more')
    .argument('<replica>', NAME)
    .action(
      action(terminal, async (session, [given = '']) => {
        const { fleet } = session.broker;
        const name = await resolved(session, given);
        const { replica } = await session.call(fleet.declareReplicaLost.bind(fleet), { name });
        if (!replica) throw new Error('The broker answered without a replica.');
        session.show(replica, REPLICA_ENUMS, () => replicaTable([replica], terminal.now()));
      }),
    );
  replicas
    .command('admit')
    .description('a replica with a new spool belongs to this database')
    .argument('<replica>', NAME)
    .action(
      action(terminal, async (session, [given = '']) => {
        const { fleet } = session.broker;
        const name = await resolved(session, given);
        const { replica } = await session.call(fleet.admitReplica.bind(fleet), { name });
        if (!replica) throw new Error('The broker answered without a replica.');
        session.show(replica, REPLICA_ENUMS, () => replicaTable([replica], terminal.now()));
      }),
    );
}

/** `brokerctl installation` */
export function addInstallationCommands(program: Command, terminal: Terminal): void {
  const installation = program
    .command('installation')
    .description('what all replicas share: whether anything is spent, and on which database');
  installation
    .command('get')
    .description('show it')
    .action(
      action(terminal, async (session) => {
        const { fleet } = session.broker;
        const answer = await session.call(fleet.getInstallation.bind(fleet), {});
        showInstallation(session, answer.installation, terminal);
      }),
    );
  installation
    .command('freeze')
    .description('stop all spending of refresh tokens; what is held goes on being served')
    .requiredOption('--reason <text>', 'why, for others to read')
    .action(
      action<{ reason: string }>(terminal, async (session, _args, { reason }) => {
        const { fleet } = session.broker;
        const answer = await session.call(fleet.freezeInstallation.bind(fleet), { detail: reason });
        showInstallation(session, answer.installation, terminal);
      }),
    );
  installation
    .command('thaw')
    .description('let spending go on; after a moved or restored database, say what its tokens are')
    .addOption(
      new Option(
        '--tokens <which>',
        'current: it has the latest refresh token of every connection; outdated: it may be older, so that each is in doubt and tried once',
      ).choices(['current', 'outdated']),
    )
    .action(
      action<{ tokens?: keyof typeof LINEAGES }>(terminal, async (session, _args, { tokens }) => {
        const { fleet } = session.broker;
        const lineage = tokens ? LINEAGES[tokens] : Lineage.UNSPECIFIED;
        const answer = await session.call(fleet.thawInstallation.bind(fleet), { lineage });
        showInstallation(session, answer.installation, terminal);
      }),
    );
}

async function listed(session: Session): Promise<Replica[]> {
  const { fleet } = session.broker;
  return (await session.call(fleet.listReplicas.bind(fleet), {})).replicas;
}

/** People know replicas by what they are called in logs. */
async function resolved(session: Session, given: string): Promise<string> {
  const id = lastSegment('replicas', given);
  const all = await listed(session);
  const found = all.filter(({ name, displayName }) => name === `replicas/${id}` || displayName === id);
  const [replica] = found;
  if (!replica) throw new UsageError(`There is no replica "${given}". See: brokerctl replicas list`);
  if (found.length > 1) {
    throw new UsageError(
      `${found.length} replicas are called "${given}". Give its name: replicas/{replica}.`,
    );
  }
  return replica.name;
}

function replicaTable(replicas: readonly Replica[], now: number): string {
  return table<Replica>(
    [
      { title: 'REPLICA', of: ({ displayName }) => displayName },
      { title: 'STATE', of: ({ state }) => State[state] ?? '' },
      { title: 'LAST SEEN', of: ({ lastSeenTime }) => when(lastSeenTime, now) },
      { title: 'ADMITTED BY', of: ({ admittedBy }) => admittedBy },
      { title: 'NAME', of: ({ name }) => name },
      { title: 'TROUBLE', of: ({ trouble, lostBy }) => trouble || (lostBy && `declared lost by ${lostBy}`) },
    ],
    replicas,
  );
}

function showInstallation(
  session: Session,
  installation: Installation | undefined,
  terminal: Terminal,
): void {
  if (!installation) throw new Error('The broker answered without an installation.');
  session.show(installation, INSTALLATION_ENUMS, () => installationCard(installation, terminal.now()));
}

function installationCard(installation: Installation, now: number): string {
  const frozen = installation.freezeReason !== FreezeReason.UNSPECIFIED;
  const { systemIdentifier, actualSystemIdentifier } = installation;
  return card([
    ['installation', installation.uid],
    ['spending', frozen ? 'FROZEN' : 'goes on'],
    ['reason', frozen ? (FreezeReason[installation.freezeReason] ?? '') : ''],
    ['detail', installation.freezeDetail],
    ['frozen by', installation.frozenBy],
    ['frozen at', when(installation.freezeTime, now)],
    ['cluster', systemIdentifier],
    ['seen cluster', actualSystemIdentifier === systemIdentifier ? '' : actualSystemIdentifier],
    ['timeline', String(installation.timeline)],
    ['attempts', String(installation.attemptNumber)],
    ['thawed by', installation.thawedBy],
    ['thawed at', when(installation.thawTime, now)],
  ]);
}
