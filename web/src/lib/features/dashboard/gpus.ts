/** All GPUs as one: how busy on average, how much memory together. */
import type { Sample } from '$lib/api/schema';

type Gpu = Sample['gpus'][number];

export interface Gpus {
  /** Of those that tell; null: none does. */
  busy_percent: number | null;
  /** null: one of them does not tell. */
  used_bytes: number | null;
  total_bytes: number;
  /** Names, the hottest, power together. */
  facts: string;
}

const known = (values: readonly (number | null)[]): number[] =>
  values.filter((value) => value !== null);
const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);

/** "2 × name" where several are alike. */
function names(gpus: readonly Gpu[]): string {
  const all = gpus.map(({ name }) => name);
  return [...new Set(all)]
    .map((name) => {
      const n = all.filter((other) => other === name).length;
      return n === 1 ? name : `${n} × ${name}`;
    })
    .join(', ');
}

/** null: there is none. */
export function together(gpus: readonly Gpu[]): Gpus | null {
  if (gpus.length === 0) return null;
  const busy = known(gpus.map(({ busy_percent }) => busy_percent));
  const used = known(gpus.map(({ memory_used_bytes }) => memory_used_bytes));
  const heat = known(gpus.map(({ temperature_c }) => temperature_c));
  const power = known(gpus.map(({ power_w }) => power_w));
  return {
    busy_percent: busy.length ? Math.round(sum(busy) / busy.length) : null,
    used_bytes: used.length === gpus.length ? sum(used) : null,
    total_bytes: sum(gpus.map(({ memory_total_bytes }) => memory_total_bytes)),
    facts: [
      names(gpus),
      heat.length ? `${Math.max(...heat)} °C` : null,
      power.length ? `${Math.round(sum(power))} W` : null,
    ]
      .filter(Boolean)
      .join(', '),
  };
}
