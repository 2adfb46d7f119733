// What to expect of a model of one's own, before it is made: what it gave other speakers who had as many clips.

/** @typedef {import('../worker/messages.js').Expectation} Expectation */

/**
 * @param {Expectation} expectation
 * @param {typeof import('/words/en.js').words} words
 * @returns {string}
 */
export function expectedSentence({ says, clips, gained: [less, more] }, words) {
  const said = words.mine.expected;
  if (says === 'helped') return said.helped(clips, less, more);
  return says === 'helped_once' ? said.helped_once(clips, more) : said[says];
}
