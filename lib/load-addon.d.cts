export function locateAddon(): { root: string; version: string; load: () => unknown }
