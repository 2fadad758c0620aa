// api-types.mjs OPENAPI.json: TypeScript of the document's named schemas, as
// src/lib/api/schema.ts holds it. "./dev web types" writes that file; the
// scenario `web_types` fails when a daemon's document says something else.
import fs from 'node:fs';

const nameOf = (ref) => ref.split('/').at(-1);
const key = (name) => (/^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name));

function typeOf(schema, depth) {
  if (schema.$ref) return nameOf(schema.$ref);
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const some = schema.anyOf ?? schema.oneOf;
  if (some) return some.map((one) => typeOf(one, depth)).join(' | ');
  if (schema.allOf) return schema.allOf.map((one) => typeOf(one, depth)).join(' & ');
  switch (schema.type) {
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type;
    case 'integer':
    case 'number':
      return 'number';
    case 'array': {
      const of = typeOf(schema.items ?? {}, depth);
      return /[|&]/.test(of) ? `(${of})[]` : `${of}[]`;
    }
    case 'object':
      return objectOf(schema, depth);
    default:
      return 'unknown';
  }
}

function objectOf(schema, depth) {
  const names = Object.keys(schema.properties ?? {});
  const more = schema.additionalProperties;
  if (names.length === 0)
    return more
      ? `Record<string, ${more === true ? 'unknown' : typeOf(more, depth)}>`
      : 'Record<string, unknown>';
  const required = new Set(schema.required ?? []);
  const pad = '  '.repeat(depth + 1);
  const lines = names.map((name) => {
    const member = schema.properties[name];
    const help = member.description ? `${pad}/** ${member.description} */\n` : '';
    return `${help}${pad}${key(name)}${required.has(name) ? '' : '?'}: ${typeOf(member, depth + 1)};\n`;
  });
  if (more === true) lines.push(`${pad}[member: string]: unknown;\n`);
  return `{\n${lines.join('')}${'  '.repeat(depth)}}`;
}

export function apiTypes(document) {
  const { schemas } = document.components;
  const parts = Object.entries(schemas).map(
    ([name, schema]) => `export type ${name} = ${typeOf(schema, 0)};\n`,
  );
  return `// Made of the daemon's /api/openapi.json: "./dev web types" writes it anew.\n\n${parts.join('\n')}`;
}

if (import.meta.url === `file://${process.argv[1]}`)
  process.stdout.write(apiTypes(JSON.parse(fs.readFileSync(process.argv[2] ?? 0, 'utf8'))));
