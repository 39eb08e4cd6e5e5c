import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../../apps/dev/src/settings.js';
import { endProcessesBelow, processesBelow, signal } from './processes.js';

describe('the processes of a run', () => {
  const dir = temporaryDirectory('processes');
  const inside = join(dir, 'run');
  const beside = join(dir, 'run-of-somebody-else');
  let ours: ChildProcess;
  let theirs: ChildProcess;

  beforeEach(async () => {
    for (const place of [inside, beside]) mkdirSync(join(place, 'node'), { recursive: true });
    ours = spawn('sleep', ['60'], { cwd: join(inside, 'node') });
    theirs = spawn('sleep', ['60'], { cwd: join(beside, 'node') });
    await Promise.all([once(ours, 'spawn'), once(theirs, 'spawn')]);
  });

  afterEach(() => {
    ours.kill('SIGKILL');
    theirs.kill('SIGKILL');
  });

  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('are those that work below its directory, and nobody else', () => {
    expect(processesBelow(inside).map(({ pid }) => pid)).toEqual([ours.pid]);
  });

  it('end, also where one is stopped and its directory is gone; others live on', async () => {
    signal(processesBelow(inside), 'SIGSTOP');
    rmSync(inside, { recursive: true });
    const ended = once(ours, 'exit');
    await endProcessesBelow(inside);
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect(theirs.exitCode ?? theirs.signalCode).toBeNull();
  });

  it('may be gone already when they are signalled', async () => {
    const gone = processesBelow(inside);
    ours.kill('SIGKILL');
    await once(ours, 'exit');
    expect(() => signal(gone, 'SIGSTOP')).not.toThrow();
  });
});
