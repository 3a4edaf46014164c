// What tests of this folder share: a writer in a process of its own.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export interface OtherWriter {
  /** A step of children/writer.mjs; resolves when it is done. */
  tell(step: string): Promise<void>
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
}

/** Opens the log in another process, which does not outlive the test. */
export async function startWriter(directory: string): Promise<OtherWriter> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'children/writer.mjs'), directory], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const said = async (word: string): Promise<void> => {
    const line = await lines.next()
    const heard = line.done === true ? 'nothing more' : line.value
    if (heard !== word) throw new Error(`the writer said ${heard}, not ${word}`)
  }
  await said('ready')
  return {
    tell: async (step) => {
      child.stdin.write(`${step}\n`)
      await said('done')
      if (step === 'close') await ended
    },
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    }
  }
}
