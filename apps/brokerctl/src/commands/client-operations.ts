import type { Command } from 'commander';
import {
  Client_Canary as Canary,
  ClientStatus_Breaker_State as BreakerState,
} from '#proto/tokenbroker/v1/client_service';
import { clientName } from '../input/names.js';
import type { Terminal } from '../terminal.js';
import { action } from './command.js';
import { statusCard, statusTable } from './client-status-views.js';

const NAME = 'clients/{client}, or {client}';
const ENUMS = { canary: Canary, state: BreakerState };

interface ReasonOption {
  readonly reason?: string;
}

interface ThawOptions extends ReasonOption {
  readonly acceptDenials?: boolean;
}

/** `brokerctl clients status`, `freeze` and `thaw` */
export function addClientOperations(clients: Command, terminal: Terminal): void {
  addStatus(clients, terminal);
  clients
    .command('freeze')
    .description('rotate nothing through it on any replica; its tokens are kept, and what is held is served')
    .argument('<name>', NAME)
    .requiredOption('--reason <text>', 'why, for whoever meets it')
    .action(
      action<ReasonOption>(terminal, async (session, [name = ''], { reason = '' }) => {
        const { clients: service } = session.broker;
        const request = { name: clientName(name), reason };
        const { client } = await session.call(service.freezeClient.bind(service), request);
        session.show(client ?? {}, ENUMS, () => `${clientName(name)} is frozen.`);
      }),
    );
  clients
    .command('thaw')
    .description('end a freeze; one rotation at a time has to prove it before its connections follow')
    .argument('<name>', NAME)
    .option('--reason <text>', 'why, for the log')
    .option(
      '--accept-denials',
      'the denials were right: nothing has to be proved, and for two hours denials are final',
    )
    .action(
      action<ThawOptions>(terminal, async (session, [name = ''], { reason = '', acceptDenials = false }) => {
        const { clients: service } = session.broker;
        const request = { name: clientName(name), reason, acceptDenials };
        const { client } = await session.call(service.thawClient.bind(service), request);
        const next = acceptDenials
          ? 'Denials are final for two hours'
          : 'One rotation has to be granted before the others follow';
        session.show(client ?? {}, ENUMS, () => `${clientName(name)} is thawed. ${next}.`);
      }),
    );
}

function addStatus(clients: Command, terminal: Terminal): void {
  clients
    .command('status')
    .description('show how rotating goes: freeze, breaker, canary, budget, backlog and slack')
    .argument('[name]', `${NAME}; all of them where it is left out`)
    .action(
      action(terminal, async (session, [name]) => {
        const { clients: service } = session.broker;
        if (name === undefined) {
          const answer = await session.call(service.listClientStatuses.bind(service), {});
          session.show(answer, ENUMS, () => statusTable(answer.statuses));
          return;
        }
        const request = { name: clientName(name) };
        const { status } = await session.call(service.getClientStatus.bind(service), request);
        if (!status) throw new Error('The broker answered without a status.');
        session.show(status, ENUMS, () => statusCard(status, session.terminal.now()));
      }),
    );
}
