// @ts-check
/** Two texts, word by word: what has changed from the first to the second. */

/**
 * One step of an alignment: the same word, another one, one that is only in the first, or only in the second.
 * @typedef {{kind: 'same' | 'changed' | 'lost' | 'added', first: string, second: string}} Edit
 */

/**
 * The alignment with the fewest edits; of several the one that asrquant's page shows.
 * @param {string} first
 * @param {string} second
 * @returns {Edit[]}
 */
export function align(first, second) {
  const a = first.split(' ').filter(Boolean), b = second.split(' ').filter(Boolean);
  const costs = [b.map((_, j) => j).concat(b.length)];
  /** @type {Edit['kind'][][]} */
  const steps = [Array(b.length + 1).fill('added')];
  a.forEach((word, row) => {
    const cost = [row + 1];
    /** @type {Edit['kind'][]} */
    const step = ['lost'];
    b.forEach((other, column) => {
      const added = cost[column] + 1, lost = costs[row][column + 1] + 1;
      const kept = costs[row][column] + Number(word !== other);
      if (kept < added && kept < lost) step.push(word === other ? 'same' : 'changed');
      else step.push(lost < added ? 'lost' : 'added');
      cost.push(Math.min(kept, added, lost));
    });
    costs.push(cost);
    steps.push(step);
  });
  /** @type {Edit[]} */
  const edits = [];
  for (let i = a.length, j = b.length; i || j;) {
    const kind = steps[i][j];
    edits.unshift({ kind, first: kind === 'added' ? '' : a[i - 1], second: kind === 'lost' ? '' : b[j - 1] });
    if (kind !== 'added') i--;
    if (kind !== 'lost') j--;
  }
  return edits;
}
