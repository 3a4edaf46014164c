/** The browser of the machine, where there is one. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** Its path: INGEST_WAL_CHROMIUM, or the first that is found; undefined where there is none. */
export function chromiumPath(): string | undefined {
  const { INGEST_WAL_CHROMIUM: chosen, PATH = '' } = process.env
  if (chosen !== undefined) return chosen
  const places = PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)))
  return places.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
