#!/usr/bin/env node
import { run } from './program.js';
import { processTerminal } from './terminal.js';

// Whoever reads the output may stop reading: `brokerctl connections list | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

// Not `process.exit`: what has been written to a pipe has to arrive.
process.exitCode = await run(process.argv.slice(2), processTerminal());
