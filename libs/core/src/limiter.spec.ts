import { settle } from '../../../test/harness/fakes/index.js';
import { Limiter } from './limiter.js';

describe('a limiter', () => {
  it('lets so many go on at once, in their order, and a failure makes room as well', async () => {
    const limiter = new Limiter(2);
    const begun: number[] = [];
    const ends: Array<(error?: Error) => void> = [];
    const all = Array.from({ length: 5 }, (_, i) =>
      limiter
        .run(
          () =>
            new Promise<number>((resolve, reject) => {
              begun.push(i);
              ends[i] = (error) => (error ? reject(error) : resolve(i));
            }),
        )
        .catch((error: Error) => error.message),
    );
    await settle();
    expect(begun).toEqual([0, 1]);
    ends[1]?.(new Error('scripted'));
    await settle();
    expect(begun).toEqual([0, 1, 2]);
    for (const i of [0, 2, 3, 4]) {
      ends[i]?.();
      await settle();
    }
    expect(await Promise.all(all)).toEqual([0, 'scripted', 2, 3, 4]);
    expect(begun).toEqual([0, 1, 2, 3, 4]);
  });
});
