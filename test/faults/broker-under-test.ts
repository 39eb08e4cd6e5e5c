import type { Seams } from '../../apps/broker/src/modules/foundation.js';
import { run } from '../../apps/broker/src/run.js';
import { ArmedFailpoints, type Arming } from './broker/armed-failpoints.js';
import { reroute } from './broker/reroute.js';
import { tell } from './broker/tell.js';
import { DEFECTS, type DefectName } from './defects/index.js';

/**
 * A broker process of the fault campaign: the broker as it is shipped, lived through by the same code, but
 * with failpoints that the campaign arms over the channel, with its way to the authorization server led
 * through a proxy, and, where a seeded defect is asked for, with a store that has it.
 *
 * - `FAULTS_ARM`: failpoints that are armed from the start, as a JSON list of {@link Arming}
 * - `FAULTS_REROUTE`: `host:port=host:port`, where connections to the first go instead
 * - `FAULTS_DEFECT`: one of {@link DEFECTS}
 */
const { FAULTS_ARM, FAULTS_REROUTE, FAULTS_DEFECT } = process.env;

const failpoints = new ArmedFailpoints(tell);
for (const arming of JSON.parse(FAULTS_ARM ?? '[]') as Arming[]) failpoints.arm(arming);
process.on('message', (message: { arm?: Arming; disarm?: string }) => {
  if (message.arm) failpoints.arm(message.arm);
  if (message.disarm !== undefined) failpoints.disarm(message.disarm);
});
if (FAULTS_REROUTE !== undefined) reroute(FAULTS_REROUTE, () => failpoints.connecting());
const rotationStore = FAULTS_DEFECT === undefined ? undefined : DEFECTS[FAULTS_DEFECT as DefectName];
const seams: Seams = { failpoints, ...(rotationStore && { rotationStore }) };

await run(process.env, seams);
