/** Every glyph, drawn in a box of 16. `cut` is drawn in the colour of the ground. */
export const icons = {
  activity: '<path d="M1.5 8.5h3l2-5.5 3 10 2-4.5h3"/>',
  attach:
    '<path d="m12.5 7.5-5 5a3 3 0 0 1-4.2-4.2l5.4-5.4a2 2 0 0 1 2.8 2.8L6 11.2a1 1 0 0 1-1.4-1.4l4.6-4.6"/>',
  attaching:
    '<circle cx="5.5" cy="8" r="3.5" stroke-width="1.8"/><circle cx="10.5" cy="8" r="3.5" stroke-width="1.8"/>',
  bolt: '<path d="M9 1.8 3.5 9H8l-1 5.2L12.5 7H8z"/>',
  bottom: '<path d="M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10"/>',
  chat: '<path d="M2.5 3.5h11v8h-6L4 14v-2.5H2.5z"/>',
  check: '<path d="m3 8.5 3.3 3.3L13 4.8" stroke-width="2.2"/>',
  clock:
    '<circle cx="8" cy="8" r="5.8" stroke-width="1.8"/><path d="M8 4.8V8l2.3 1.4" stroke-width="1.8"/>',
  close: '<path d="m4 4 8 8M12 4l-8 8"/>',
  configuration:
    '<path d="M6 2.5c-2 0-2 1-2 2.5s0 2-1.5 3C4 9 4 9.5 4 11s0 2.5 2 2.5M10 2.5c2 0 2 1 2 2.5s0 2 1.5 3C12 9 12 9.5 12 11s0 2.5-2 2.5"/>',
  copy: '<rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/><path d="M10.5 3.5v-.5a.5.5 0 0 0-.5-.5H3a.5.5 0 0 0-.5.5v7c0 .3.2.5.5.5h.5"/>',
  cpu: '<rect x="4" y="4" width="8" height="8" rx="1"/><path d="M6 1.8v2.2M10 1.8v2.2M6 12v2.2M10 12v2.2M1.8 6H4M1.8 10H4M12 6h2.2M12 10h2.2"/>',
  dashboard:
    '<path d="M2.5 11.5a5.5 5.5 0 1 1 11 0"/><path d="M8 11.5 10.5 7"/><path d="M2.5 13.5h11"/>',
  delete: '<path d="M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.7 9h6.6l.7-9"/>',
  disc: '<circle cx="8" cy="8" r="5" fill="currentColor" stroke="none"/>',
  discover: '<circle cx="8" cy="8" r="6"/><path d="m10.5 5.5-1.4 3.6-3.6 1.4 1.4-3.6z"/>',
  disk: '<ellipse cx="8" cy="4" rx="5.5" ry="2"/><path d="M2.5 4v8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2V4M2.5 8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2"/>',
  dots: '<path d="M3 8h.01M8 8h.01M13 8h.01" stroke-width="3"/>',
  down: '<path d="m4 6 4 4 4-4"/>',
  download: '<path d="M8 2v8"/><path d="m4.5 7 3.5 3.5L11.5 7"/><path d="M2.5 13.5h11"/>',
  draining:
    '<circle cx="8" cy="8" r="5.3" stroke-width="1.8"/><path d="M2.7 8a5.3 5.3 0 0 0 10.6 0z" fill="currentColor" stroke="none"/>',
  edit: '<path d="M10.5 3 13 5.5 5.5 13H3v-2.5z"/>',
  eye: '<path d="M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z"/><circle cx="8" cy="8" r="2"/>',
  failed:
    '<path d="M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3z" fill="currentColor" stroke="none"/><path class="cut" d="m5.7 5.7 4.6 4.6M10.3 5.7l-4.6 4.6" stroke-width="1.8"/>',
  filter: '<path d="M2.5 3.5h11L9.5 8.5v4l-3 1v-5z"/>',
  folder: '<path d="M2 4v8.5h12V5.5H8L6.5 4z"/>',
  gpu: '<rect x="2" y="4" width="12" height="7" rx="1"/><circle cx="6" cy="7.5" r="1.8"/><path d="M10 6.5h2M10 8.5h2M4 11v2.5M7 11v2.5"/>',
  grid: '<rect x="2.5" y="2.5" width="4.5" height="4.5" rx="1"/><rect x="9" y="2.5" width="4.5" height="4.5" rx="1"/><rect x="2.5" y="9" width="4.5" height="4.5" rx="1"/><rect x="9" y="9" width="4.5" height="4.5" rx="1"/>',
  grip: '<path d="M6 4h.01M10 4h.01M6 8h.01M10 8h.01M6 12h.01M10 12h.01" stroke-width="2"/>',
  heart: '<path d="M8 13.5 3 8.6a3 3 0 0 1 4.3-4.2L8 5l.7-.6A3 3 0 0 1 13 8.6z"/>',
  image:
    '<rect x="2" y="3" width="12" height="10" rx="1"/><circle cx="5.5" cy="6.2" r="1"/><path d="m2.5 12 4-3.5 2.5 2 2-1.5 2.5 2.5"/>',
  info: '<circle cx="8" cy="8" r="6"/><path d="M8 7.5V11M8 5h.01"/>',
  key: '<circle cx="5" cy="11" r="2.5"/><path d="m6.8 9.2 6.2-6.2M10.5 5.5l2 2M12.3 3.7l1.2 1.2"/>',
  loading: '<path class="spin" d="M8 2.5a5.5 5.5 0 1 1-5.5 5.5" stroke-width="2.2"/>',
  lock: '<rect x="3" y="7" width="10" height="7" rx="1"/><path d="M5.5 7V5a2.5 2.5 0 0 1 5 0v2"/>',
  logs: '<path d="M2.5 3.5h11M2.5 6.5h8M2.5 9.5h11M2.5 12.5h6"/>',
  memory: '<path d="M2 5h12v6H2z"/><path d="M4.5 11v2M8 11v2M11.5 11v2M5 7.5v1M8 7.5v1M11 7.5v1"/>',
  menu: '<path d="M2.5 4.5h11M2.5 8h11M2.5 11.5h11"/>',
  models: '<path d="M8 2 14 5 8 8 2 5z"/><path d="m2 8 6 3 6-3"/><path d="m2 11 6 3 6-3"/>',
  monitoring: '<path d="M2.5 2.5v11h11"/><path d="m5 10 2.5-3.5 2 2L13 4"/>',
  moon: '<path d="M13 9.5A5.5 5.5 0 1 1 6.5 3 4.5 4.5 0 0 0 13 9.5z"/>',
  more: '<path d="M3.5 8h.01M8 8h.01M12.5 8h.01" stroke-width="2"/>',
  move: '<path d="M2 4v8.5h12V5.5H8L6.5 4z"/><path d="M6 9h4M8.5 7.5 10 9l-1.5 1.5"/>',
  pause: '<path d="M5.5 3.5v9M10.5 3.5v9"/>',
  paused: '<path d="M5.5 3.5v9M10.5 3.5v9" stroke-width="2.6"/>',
  pin: '<path d="M6 2h4l-.5 4.5L12 9H4l2.5-2.5zM8 9v5"/>',
  plus: '<path d="M8 3v10M3 8h10"/>',
  presets: '<path d="M4 2.5h8v11l-4-2.8-4 2.8z"/>',
  restart: '<path d="M13 8a5 5 0 1 1-1.6-3.7"/><path d="M13.5 2.5v3h-3"/>',
  right: '<path d="m6 4 4 4-4 4"/>',
  scan: '<path d="M2.5 5.5v-3h3M10.5 2.5h3v3M13.5 10.5v3h-3M5.5 13.5h-3v-3M2.5 8h11"/>',
  search: '<circle cx="7" cy="7" r="4.5"/><path d="m10.5 10.5 3.5 3.5"/>',
  send: '<path d="M8 13.5v-11M3.5 7 8 2.5 12.5 7"/>',
  servers:
    '<rect x="2" y="2.5" width="12" height="4.5" rx="1"/><rect x="2" y="9" width="12" height="4.5" rx="1"/><path d="M4.5 4.75h.01M4.5 11.25h.01M9 4.75h2.5M9 11.25h2.5"/>',
  settings:
    '<path d="M2 5h6M12 5h2M2 11h2M8 11h6"/><circle cx="10" cy="5" r="1.8"/><circle cx="6" cy="11" r="1.8"/>',
  shield:
    '<path d="M8 1.8 13 3.7V8c0 3-2 5-5 6.2C5 13 3 11 3 8V3.7z"/><path d="m5.8 8 1.6 1.6 2.8-3"/>',
  split: '<rect x="2" y="2.5" width="12" height="11" rx="1"/><path d="M8 2.5v11"/>',
  square: '<rect x="3.5" y="3.5" width="9" height="9" rx="1" stroke-width="1.8"/>',
  star: '<path d="m8 2.2 1.8 3.7 4 .6-2.9 2.8.7 4L8 11.4l-3.6 1.9.7-4L2.2 6.5l4-.6z"/>',
  starred:
    '<path fill="currentColor" d="m8 2.2 1.8 3.7 4 .6-2.9 2.8.7 4L8 11.4l-3.6 1.9.7-4L2.2 6.5l4-.6z"/>',
  start: '<path d="M5 3.2v9.6L12.5 8z"/>',
  starting: '<circle cx="8" cy="8" r="5.5" stroke-dasharray="2.5 3.2" stroke-width="2"/>',
  stop: '<rect x="4" y="4" width="8" height="8" rx="1"/>',
  stopping:
    '<circle cx="8" cy="8" r="5.8" stroke-width="1.6"/><rect x="5.8" y="5.8" width="4.4" height="4.4" fill="currentColor" stroke="none"/>',
  sun: '<circle cx="8" cy="8" r="2.8"/><path d="M8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9"/>',
  system:
    '<circle cx="8" cy="8" r="5.5"/><path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor" stroke="none"/>',
  table: '<path d="M2.5 4h11M2.5 8h11M2.5 12h11"/>',
  terminal:
    '<rect x="1.5" y="2.5" width="13" height="11" rx="1.5"/><path d="m4.5 6 2 2-2 2M8.5 10.5h3"/>',
  thought:
    '<path d="M8 1.8v3M8 11.2v3M1.8 8h3M11.2 8h3M4 4l1.5 1.5M10.5 10.5 12 12M4 12l1.5-1.5M10.5 5.5 12 4"/>',
  up: '<path d="m4 10 4-4 4 4"/>',
  warning:
    '<path d="M8 2 14.8 14H1.2z" fill="currentColor" stroke="none"/><path class="cut" d="M8 6.5v3.2M8 11.8h.01" stroke-width="1.8"/>',
} as const;

export type IconName = keyof typeof icons;
