import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { checkNumber, readNumber, showNumber } from './option';
import OptionRow from './OptionRow.svelte';

afterEach(cleanup);

describe('numbers', () => {
  test('are read with or without spaces, nothing is not set, the rest stays text', () => {
    expect(readNumber('16 384')).toBe(16384);
    expect(readNumber('16\u2009384')).toBe(16384);
    expect(readNumber(' -1 ')).toBe(-1);
    expect(readNumber('0.95')).toBe(0.95);
    expect(readNumber('  ')).toBeNull();
    expect(readNumber('auto')).toBe('auto');
    expect(readNumber('Infinity')).toBe('Infinity');
  });
  test('at rest have thin spaces, ports none', () => {
    expect(showNumber(16384)).toBe('16\u2009384');
    expect(showNumber(-16384)).toBe('-16\u2009384');
    expect(showNumber(16384, true)).toBe('16384');
    expect(showNumber(0.7)).toBe('0.7');
    expect(showNumber(null)).toBe('');
  });
  test('are held against their bounds', () => {
    const bounds = { min: 1, max: 128, isWhole: true, words: ['auto'] };
    expect(checkNumber(512, bounds)).toBe('At most 128.');
    expect(checkNumber(0, bounds)).toBe('At least 1.');
    expect(checkNumber(1.5, bounds)).toBe('Not a whole number.');
    expect(checkNumber('many', bounds)).toBe('Not a whole number, nor auto.');
    expect(checkNumber('auto', bounds)).toBeNull();
    expect(checkNumber(null, bounds)).toBeNull();
    expect(checkNumber(128, bounds)).toBeNull();
  });
});

const base = { name: 'Context size', flag: '--ctx-size', help: 'Tokens.', value: null };
const line = (control: HTMLElement) =>
  document.getElementById(control.getAttribute('aria-describedby') ?? '')?.textContent?.trim();

describe('at its default', () => {
  test('it tells flag, help and default, and has no reset', () => {
    const onchange = vi.fn();
    render(OptionRow, { ...base, type: 'number', fallback: '0', onchange });
    const input = screen.getByLabelText<HTMLInputElement>('Context size');
    expect(screen.getByText('--ctx-size').tagName).toBe('CODE');
    expect(line(input)).toMatch(/Tokens\.\s+Default: 0\./);
    expect([input.value, input.placeholder]).toEqual(['', '0']);
    expect(screen.queryByText('changed')).toBeNull();
    expect(screen.queryByRole('button')).toBeNull();
  });
});

describe('changed', () => {
  test('it says so, and goes back', async () => {
    const onchange = vi.fn();
    render(OptionRow, { ...base, type: 'number', value: 16384, isChanged: true, onchange });
    expect(screen.getByLabelText<HTMLInputElement>('Context size').value).toBe('16\u2009384');
    expect(screen.getByText('changed')).toBeTruthy();
    await fireEvent.click(screen.getByLabelText('Back to the default of Context size'));
    expect(onchange).toHaveBeenLastCalledWith(null);
  });
  test('its own reset is asked where there is one', async () => {
    const [onchange, onreset] = [vi.fn(), vi.fn()];
    render(OptionRow, { ...base, type: 'text', value: 'x', isChanged: true, onchange, onreset });
    await fireEvent.click(screen.getByLabelText('Back to the default of Context size'));
    expect([onreset.mock.calls.length, onchange.mock.calls.length]).toEqual([1, 0]);
  });
});

describe('a number', () => {
  test('is told as a number, shown as typed, and checked', async () => {
    const onchange = vi.fn();
    const { rerender } = render(OptionRow, { ...base, type: 'number', max: 128, onchange });
    const input = screen.getByLabelText<HTMLInputElement>('Context size');
    await fireEvent.focus(input);
    await fireEvent.input(input, { target: { value: '512' } });
    expect(onchange).toHaveBeenLastCalledWith(512);
    await rerender({ value: 512 });
    expect(line(input)).toBe('At most 128.');
    expect(input.getAttribute('aria-invalid')).toBe('true');
    await fireEvent.input(input, { target: { value: '' } });
    expect(onchange).toHaveBeenLastCalledWith(null);
  });
});

describe('wrong', () => {
  test('what the server says stands in the place of the help', () => {
    const onchange = vi.fn();
    render(OptionRow, { ...base, type: 'text', value: '-x', error: 'begins with -', onchange });
    const input = screen.getByLabelText('Context size');
    expect(line(input)).toBe('begins with -');
    expect(input.getAttribute('aria-invalid')).toBe('true');
    expect(screen.queryByText('Tokens.')).toBeNull();
  });
});

describe('not to be had', () => {
  test('unsupported: off, hatched, and the reason names the engine', () => {
    const onchange = vi.fn();
    const unsupported = 'llama-server b6892 does not know this flag.';
    render(OptionRow, { ...base, type: 'number', unsupported, onchange });
    const input = screen.getByLabelText<HTMLInputElement>('Context size');
    expect(input.disabled).toBe(true);
    expect(line(input)).toBe(unsupported);
    expect(input.closest('.opt')?.classList.contains('off')).toBe(true);
    expect(input.closest('.field')?.classList.contains('off')).toBe(true);
  });
  test('unsupported but set: it can be taken away', () => {
    const more = { value: 1, isChanged: true, unsupported: 'No.', onchange: vi.fn() };
    render(OptionRow, { ...base, type: 'number', ...more });
    expect(screen.getByRole('button', { name: /Back to the default/ })).toBeTruthy();
  });
  test('locked: off, not hatched, and nothing is reset here', () => {
    const more = { value: 1, isChanged: true, locked: 'Pinned by hearth.yaml.' };
    render(OptionRow, { ...base, type: 'number', ...more, onchange: vi.fn() });
    const input = screen.getByLabelText<HTMLInputElement>('Context size');
    expect([input.disabled, line(input)]).toEqual([true, 'Pinned by hearth.yaml.']);
    expect(input.closest('.opt')?.classList.contains('off')).toBe(false);
    expect(screen.queryByRole('button')).toBeNull();
  });
});

describe('the other controls', () => {
  test('a switch shows its default and tells the other', async () => {
    const onchange = vi.fn();
    render(OptionRow, { ...base, type: 'switch', fallback: 'true', onchange });
    const toggle = screen.getByRole('switch', { name: 'Context size' });
    expect(toggle.getAttribute('aria-checked')).toBe('true');
    await fireEvent.click(toggle);
    expect(onchange).toHaveBeenLastCalledWith(false);
  });
  test('a choice has its default first, and keeps a value that is not among them', async () => {
    const onchange = vi.fn();
    const choices = ['on', 'off', { value: 'auto', label: 'Automatic' }];
    const props = { ...base, type: 'choice' as const, choices, fallback: 'auto', onchange };
    const { rerender } = render(OptionRow, props);
    const options = () => screen.getAllByRole('option').map((row) => row.textContent);
    expect(options()).toEqual(['auto', 'on', 'off']);
    await fireEvent.change(screen.getByLabelText('Context size'), { target: { value: 'off' } });
    expect(onchange).toHaveBeenLastCalledWith('off');
    await rerender({ value: 'never' });
    expect(options()).toEqual(['auto', 'never', 'on', 'off']);
    await fireEvent.change(screen.getByLabelText('Context size'), { target: { value: '' } });
    expect(onchange).toHaveBeenLastCalledWith(null);
  });
  test('a list adds with Enter, takes away with a press, and empties to not set', async () => {
    const onchange = vi.fn();
    const { rerender } = render(OptionRow, { ...base, type: 'list', item: 'adapter', onchange });
    const input = screen.getByLabelText('Context size');
    await fireEvent.input(input, { target: { value: 'a,b' } });
    await fireEvent.keyDown(input, { key: 'Enter' });
    expect(onchange).toHaveBeenLastCalledWith(['a,b']);
    await rerender({ value: ['a,b'] });
    await fireEvent.click(screen.getByLabelText('Remove adapter a,b'));
    expect(onchange).toHaveBeenLastCalledWith(null);
  });
  test('a secret is not shown', () => {
    render(OptionRow, { ...base, type: 'text', isSecret: true, value: 'k', onchange: vi.fn() });
    expect(screen.getByLabelText('Context size').getAttribute('type')).toBe('password');
  });
  test('a secret that is stored is replaced, not added to', () => {
    render(OptionRow, { ...base, type: 'text', isSecret: true, value: '***', onchange: vi.fn() });
    const input = screen.getByLabelText<HTMLInputElement>('Context size');
    expect([input.value, input.placeholder]).toEqual(['', 'stored, not shown']);
  });
});
