import { expect, test } from 'vitest';
import { ThinkingSplitter } from './thinking';

function split(pieces: string[]) {
  const splitter = new ThinkingSplitter();
  const all = { thinking: '', text: '' };
  for (const { thinking, text } of [
    ...pieces.map((piece) => splitter.push(piece)),
    splitter.end(),
  ]) {
    all.thinking += thinking;
    all.text += text;
  }
  return all;
}

test('thinking is taken out, wherever the pieces are cut', () => {
  const whole = '\n<think>a < b </thin c</think>\n\nThe <think> answer';
  for (let a = 0; a <= whole.length; a += 1)
    for (let b = a; b <= whole.length; b += 1)
      expect(split([whole.slice(0, a), whole.slice(a, b), whole.slice(b)])).toEqual({
        thinking: 'a < b </thin c',
        text: 'The <think> answer',
      });
});

test('without a mark at the beginning all is text', () => {
  expect(split(['<thi', 's> is text'])).toEqual({ thinking: '', text: '<this> is text' });
  expect(split(['<thi'])).toEqual({ thinking: '', text: '<thi' });
  expect(split(['  indented'])).toEqual({ thinking: '', text: '  indented' });
});

test('thinking that never ends stays thinking', () => {
  expect(split(['<think>on and on</th'])).toEqual({ thinking: 'on and on</th', text: '' });
});
