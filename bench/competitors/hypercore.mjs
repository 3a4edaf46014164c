import { join } from 'node:path'
import Hypercore from 'hypercore'
import { encode } from '../harness/frame.mjs'
import { listLog } from '../harness/group-commit.mjs'

export const name = 'hypercore'
export const durability =
  'core.append of each batch, hashed and signed; it makes no sync: what a power cut takes, the others keep'
export const jobs = ['bulk']

export async function open(directory) {
  const core = new Hypercore(join(directory, 'log'))
  await core.ready()
  return listLog({ encode, write: (frames) => core.append(frames), close: () => core.close() })
}
