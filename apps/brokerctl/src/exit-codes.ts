import { status } from '@grpc/grpc-js';

/** How the program ends, by category, for scripts. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  unauthenticated: 3,
  denied: 4,
  notFound: 5,
  failedPrecondition: 6,
  unavailable: 7,
} as const;

/** The part of `--help` that documents {@link EXIT}. */
export const EXIT_CODES_HELP = `
Exit codes:
  0  done
  1  failed in another way (already exists, a fault of the broker, ...)
  2  the command line or a value in it is wrong
  3  the broker does not know the caller (certificate)
  4  the caller may not do this
  5  not found
  6  not in the present state: to be authorized again, paused, in doubt, in use, ...
  7  not available now, or not in time: trying again helps`;

/** The exit code for a gRPC status code. */
export function exitCodeOf(code: number): number {
  switch (code) {
    case status.INVALID_ARGUMENT:
      return EXIT.usage;
    case status.UNAUTHENTICATED:
      return EXIT.unauthenticated;
    case status.PERMISSION_DENIED:
      return EXIT.denied;
    case status.NOT_FOUND:
      return EXIT.notFound;
    case status.FAILED_PRECONDITION:
      return EXIT.failedPrecondition;
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
    case status.RESOURCE_EXHAUSTED:
      return EXIT.unavailable;
    default:
      return EXIT.failed;
  }
}
