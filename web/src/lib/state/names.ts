/** Names in the order in which people look for them: 8B before 14B, capitals beside small letters. */
const collator = new Intl.Collator('en', { numeric: true });

export const compareNames = (a: string, b: string): number => collator.compare(a, b);

/** For many: keys that sort so as plain text. */
export const nameKey = (name: string): string =>
  name.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, '0'));
