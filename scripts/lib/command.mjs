import { spawn } from 'node:child_process';
import { holdLockFor } from './lock.mjs';
import { ROOT } from './paths.mjs';

/** A failure whose message is all that the developer needs: shown without a stack. */
export class SetupError extends Error {}

/** A slow step says every so often that it is still at it. */
const STILL_RUNNING_MS = 15_000;
/** How long a command gets to end after the signal. */
const GIVE_UP_MS = 2_000;

/**
 * Runs one step's command with its output held back: a developer wants to see it when it fails, and only
 * then. Progress goes to standard error, so that the output of what is run afterwards stays clean.
 *
 * @param {string} title what is being done, such as "Installing packages"
 * @param {string} program
 * @param {string[]} args
 * @param {(output: string) => string | undefined} [explain] turns known failures into one line
 */
export async function runStep(title, program, args, explain = () => undefined) {
  const started = Date.now();
  const seconds = () => ((Date.now() - started) / 1000).toFixed(1);
  process.stderr.write(`${title}…\n`);
  const heartbeat = setInterval(
    () => process.stderr.write(`${title}… ${Math.round(seconds())} s\n`),
    STILL_RUNNING_MS,
  );
  const { status, output } = await capture(program, args);
  clearInterval(heartbeat);
  if (status === 0) {
    process.stderr.write(`${title}: done in ${seconds()} s\n`);
    return;
  }
  const known = explain(output);
  // npm adds its whole manual page to some errors.
  if (known === undefined)
    process.stderr.write(
      `${output.replace(/^npm error Clean install a project[^]*?(?=npm error A complete log)/m, '').trimEnd()}\n`,
    );
  throw new SetupError(
    `${title}: failed after ${seconds()} s${known === undefined ? ` (${program} ${args.join(' ')})` : `. ${known}`}`,
  );
}

function capture(program, args) {
  return new Promise((resolve) => {
    // A command file of Windows (npm.cmd, nest.cmd) runs in a shell only.
    const child = spawn(program, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    holdLockFor(child.pid);
    // A signal that ends the setup ends its command first: npm takes a moment to give up.
    let ending;
    const end = (signal) => {
      ending = signal;
      child.kill(signal);
      setTimeout(() => child.kill('SIGKILL'), GIVE_UP_MS).unref();
    };
    process.on('SIGINT', end).on('SIGTERM', end);
    const finish = (status) => {
      process.off('SIGINT', end).off('SIGTERM', end);
      if (ending !== undefined) process.exit(ending === 'SIGINT' ? 130 : 143);
      resolve({ status, output });
    };
    child.once('error', (error) => {
      output += error.message;
      finish(1);
    });
    child.once('close', (code) => finish(code ?? 1));
  });
}
