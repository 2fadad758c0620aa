// One page that lives in the browser: the daemon serves files, not markup.
export const ssr = false;
export const prerender = false;
