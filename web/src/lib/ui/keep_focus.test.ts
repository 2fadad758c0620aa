import { afterEach, beforeEach, expect, test } from 'vitest';
import { keepFocus } from './keep_focus';

let end: () => void;
beforeEach(() => (end = keepFocus()));
afterEach(() => end());

const at = () => document.activeElement?.textContent;
const get = (id: string) => document.getElementById(id) as HTMLElement;
const turn = () => new Promise((done) => setTimeout(done, 0));

function page(html: string) {
  document.body.innerHTML = `<nav><a href="/">Home</a></nav><main tabindex="-1">${html}</main>`;
}
const list =
  '<ul><li id="r1"><button id="b1">one</button></li><li id="r2"><button id="b2">two</button></li></ul>';

test('a button that becomes another', async () => {
  page('<p><button id="start">Start</button> <button>Log</button></p>');
  get('start').focus();
  const stop = document.createElement('button');
  stop.textContent = 'Stop';
  get('start').before(stop);
  get('start').remove();
  await turn();
  expect(at()).toBe('Stop');
});

test('a row that goes: the next, then the one before, then the page', async () => {
  page(list);
  get('b1').focus();
  get('r1').remove();
  await turn();
  expect(at()).toBe('two');
  page(list);
  get('b2').focus();
  get('r2').remove();
  await turn();
  expect(at()).toBe('one');
  get('r1').remove();
  await turn();
  expect(document.activeElement?.tagName).toBe('MAIN');
});

test('who left by themselves, or to another page, is left alone', async () => {
  page(list);
  get('b1').focus();
  get('b1').blur();
  await turn();
  get('r1').remove();
  await turn();
  expect(document.activeElement).toBe(document.body);
  page(list);
  get('b1').focus();
  page('<button>of another page</button>');
  await turn();
  expect(document.activeElement).toBe(document.body);
});

test('a dialog keeps it inside; closed, its opener gone, the page has it', async () => {
  page(
    `${list}<dialog open><p id="step"><button id="next">Next</button></p><button>Close</button></dialog>`,
  );
  get('b1').focus();
  get('next').focus();
  get('step').remove();
  await turn();
  expect(at()).toBe('Close');
  get('r1').remove();
  document.querySelector('dialog')?.remove();
  await turn();
  expect(at()).toBe('two');
});

test('what is moved keeps it; what is made anew elsewhere has it again', async () => {
  page(list);
  get('b1').focus();
  get('r2').after(get('r1'));
  await turn();
  expect(at()).toBe('one');
  const card = (word: string) =>
    `<article data-keep="a"><a href="/edit">Edit</a><button id="of">${word}</button></article>`;
  page(`<div id="left">${card('Start')}<button>other</button></div><div id="right"></div>`);
  get('of').focus();
  get('right').innerHTML = card('Stop');
  document.querySelector('#left article')?.remove();
  await turn();
  expect(at()).toBe('Stop');
});
