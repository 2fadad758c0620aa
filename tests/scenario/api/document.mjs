// The OpenAPI document of a running daemon, as a judge of its answers.
import Ajv from 'ajv/dist/2020.js';

const escape = (part) => part.replaceAll('~', '~0').replaceAll('/', '~1');

export class Document {
  static async read(hearth) {
    const answer = await hearth.request('GET', '/api/openapi.json', { socketPath: hearth.socket });
    return new Document(answer.json());
  }

  constructor(document) {
    this.document = document;
    this.ajv = new Ajv({ strict: false, allErrors: true });
    this.ajv.addSchema(document, 'document');
  }

  // [{method, path, operation}] of every route.
  routes() {
    return Object.entries(this.document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) =>
        ({ method: method.toUpperCase(), path, operation })));
  }

  // Those of the control plane, and those whose answers engines give.
  ours() {
    return this.routes().filter(({ path }) => /^\/(api\/|ws\/|health$|metrics$)/.test(path));
  }
  inference() {
    return this.routes().filter(({ path }) => !/^\/(api\/|ws\/|health$|metrics$)/.test(path));
  }

  // null when the answer fits, else what does not.
  complaint(route, answer) {
    const { responses } = route.operation;
    const status = [String(answer.status), `${String(answer.status)[0]}XX`].find((key) => key in responses)
      ?? (answer.status >= 400 ? 'default' : null);
    if (!status) return `${answer.status} is not in the document`;
    if (!responses[status].content) return answer.text === '' ? null : 'a body where there is none';
    const { content } = responses[status];
    const said = (answer.headers['content-type'] ?? '').split(';')[0];
    const type = said in content ? said : '*/*';
    if (!content[type]) return `type ${said} is not in the document`;
    if (type !== 'application/json') return null;
    const at = ['paths', route.path, route.method.toLowerCase(), 'responses', status, 'content', type, 'schema'];
    const validate = this.ajv.compile({ $ref: `document#/${at.map(escape).join('/').replaceAll('{', '%7B').replaceAll('}', '%7D')}` });
    return validate(JSON.parse(answer.text)) ? null : this.ajv.errorsText(validate.errors);
  }
}

// A path of the route with `id` in place of its parameter.
export const fill = (route, id) => route.path.replace(/\{[^}]*\}/, encodeURIComponent(id));
