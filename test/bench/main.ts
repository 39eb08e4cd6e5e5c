/** `npm run bench`: all benchmarks, one after the other, or those that are named. */
const ALL = ['token-read', 'claim'];

const named = process.argv.slice(2);
const unknown = named.filter((name) => !ALL.includes(name));
if (unknown.length > 0)
  throw new Error(`There is no benchmark ${unknown.join(', ')}. There are: ${ALL.join(', ')}`);
for (const name of named.length > 0 ? named : ALL) {
  console.log(`\n== ${name}`);
  await import(`./${name}.js`);
}
