import type { Command } from 'commander';
import type { AccessRule } from '#proto/tokenbroker/v1/access_service';
import { accessRuleName, connectionName, lastSegment, workloadName } from '../input/names.js';
import { card, table } from '../output/table.js';
import { when } from '../output/times.js';
import type { Terminal } from '../terminal.js';
import { action } from './command.js';

const NAME = 'accessRules/{access_rule}, or {access_rule}';

/** `brokerctl rules` */
export function addRuleCommands(program: Command, terminal: Terminal): void {
  const rules = program.command('rules').description("which workload may have which connections' tokens");
  rules
    .command('list')
    .description('list access rules in the order of their names')
    .action(
      action(terminal, async (session) => {
        const { access } = session.broker;
        const answer = await session.call(access.listAccessRules.bind(access), {});
        session.show(answer, {}, () => ruleTable(answer.accessRules));
      }),
    );
  rules
    .command('create')
    .description('add an access rule')
    .argument('<name>', NAME)
    .requiredOption('--workload <workload>', 'who: workloads/{workload}, or {workload}')
    .requiredOption(
      '--connections <pattern>',
      "whose tokens: 'clients/indicium/connections/*', or 'indicium/*'",
    )
    .action(
      action<{ workload: string; connections: string }>(terminal, async (session, [name = ''], options) => {
        const { access } = session.broker;
        const { accessRule } = await session.call(access.createAccessRule.bind(access), {
          accessRuleId: lastSegment('accessRules', name),
          accessRule: {
            name: '',
            workload: workloadName(options.workload),
            connectionPattern: connectionName(options.connections),
            createTime: undefined,
          },
        });
        if (!accessRule) throw new Error('The broker answered without an access rule.');
        session.show(accessRule, {}, () => ruleCard(accessRule, terminal.now()));
      }),
    );
  rules
    .command('delete')
    .description('remove an access rule')
    .argument('<name>', NAME)
    .action(
      action(terminal, async (session, [name = '']) => {
        const { access } = session.broker;
        await session.call(access.deleteAccessRule.bind(access), { name: accessRuleName(name) });
        session.show({ deleted: accessRuleName(name) }, {}, () => `${accessRuleName(name)} is deleted.`);
      }),
    );
}

function ruleTable(rules: readonly AccessRule[]): string {
  return table<AccessRule>(
    [
      { title: 'NAME', of: ({ name }) => name },
      { title: 'WORKLOAD', of: ({ workload }) => workload },
      { title: 'CONNECTIONS', of: ({ connectionPattern }) => connectionPattern },
    ],
    rules,
  );
}

function ruleCard(rule: AccessRule, now: number): string {
  return card([
    ['name', rule.name],
    ['workload', rule.workload],
    ['connections', rule.connectionPattern],
    ['created', when(rule.createTime, now)],
  ]);
}
