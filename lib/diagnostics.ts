/**
 * What happens to logs and replays, on channels of `node:diagnostics_channel`: for those who trace. Without a subscriber a
 * channel costs a look. docs/operations.md lists the channels and what their messages hold.
 */
import { channel, tracingChannel } from 'node:diagnostics_channel'

export const openChannel = channel('ingest-wal:open')
export const syncChannel = channel('ingest-wal:sync')
export const rotateChannel = channel('ingest-wal:rotate')
export const checkpointChannel = channel('ingest-wal:checkpoint')
export const recoveryChannel = channel('ingest-wal:recovery')
/** `tracing:ingest-wal:replay:start`, `:end`, `:asyncStart`, `:asyncEnd`, `:error`. */
export const replayChannel = tracingChannel('ingest-wal:replay')
