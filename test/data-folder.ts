/**
 * Where real measurements lie: FitBit readings, spring 2016 (Furberg et al., doi 10.5281/zenodo.53894). They are not part of
 * this repository; tests that read them are skipped where they are not.
 */
import { fileURLToPath } from 'node:url'

export const DATA_FOLDER = process.env['INGEST_WAL_DATA'] ?? fileURLToPath(new URL('../../shared/data', import.meta.url))
