import { InvalidArgumentError, type Command } from 'commander';
import { Workload_Role as Role, type Workload } from '#proto/tokenbroker/v1/access_service';
import { lastSegment, workloadName } from '../input/names.js';
import { card, table } from '../output/table.js';
import { when } from '../output/times.js';
import type { Terminal } from '../terminal.js';
import { action, several } from './command.js';

const NAME = 'workloads/{workload}, or {workload}';
const ENUMS = { roles: Role };
const ROLES = { reader: Role.READER, operator: Role.OPERATOR, admin: Role.ADMIN } as const;

/** `brokerctl workloads` */
export function addWorkloadCommands(program: Command, terminal: Terminal): void {
  const workloads = program
    .command('workloads')
    .description('services, jobs and administrators that may call');
  workloads
    .command('list')
    .description('list workloads in the order of their names')
    .action(
      action(terminal, async (session) => {
        const { access } = session.broker;
        const answer = await session.call(access.listWorkloads.bind(access), {});
        session.show(answer, ENUMS, () => workloadTable(answer.workloads));
      }),
    );
  workloads
    .command('create')
    .description('register a workload')
    .argument('<name>', NAME)
    .requiredOption(
      '--identity <identity>',
      'spiffe://..., dns:... or cn:... of its certificate; may be repeated',
      several,
    )
    .option('--role <role>', 'reader, operator or admin; may be repeated', roles)
    .action(
      action<{ identity: string[]; role?: Role[] }>(terminal, async (session, [name = ''], options) => {
        const { access } = session.broker;
        const { workload } = await session.call(access.createWorkload.bind(access), {
          workloadId: lastSegment('workloads', name),
          workload: {
            name: '',
            identities: options.identity,
            roles: options.role ?? [],
            createTime: undefined,
          },
        });
        if (!workload) throw new Error('The broker answered without a workload.');
        session.show(workload, ENUMS, () => workloadCard(workload, terminal.now()));
      }),
    );
  workloads
    .command('delete')
    .description('remove a workload and its access rules')
    .argument('<name>', NAME)
    .action(
      action(terminal, async (session, [name = '']) => {
        const { access } = session.broker;
        await session.call(access.deleteWorkload.bind(access), { name: workloadName(name) });
        session.show({ deleted: workloadName(name) }, {}, () => `${workloadName(name)} is deleted.`);
      }),
    );
}

function roles(text: string, before: readonly Role[] | undefined): Role[] {
  const name = text.toLowerCase();
  if (name !== 'reader' && name !== 'operator' && name !== 'admin') {
    throw new InvalidArgumentError('It is reader, operator or admin.');
  }
  return [...(before ?? []), ROLES[name]];
}

function workloadTable(workloads: readonly Workload[]): string {
  return table<Workload>(
    [
      { title: 'NAME', of: ({ name }) => name },
      { title: 'ROLES', of: (workload) => rolesOf(workload) },
      { title: 'IDENTITIES', of: ({ identities }) => identities.join(' ') },
    ],
    workloads,
  );
}

function workloadCard(workload: Workload, now: number): string {
  return card([
    ['name', workload.name],
    ['roles', rolesOf(workload)],
    ['identities', workload.identities.join(' ')],
    ['created', when(workload.createTime, now)],
  ]);
}

function rolesOf(workload: Workload): string {
  return workload.roles.map((role) => Role[role]).join(' ');
}
