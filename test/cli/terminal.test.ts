/** Proves that a terminal is given back as it was on every way out, and that keys do what they should. */
import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { frameOf, Terminal } from '../../lib/cli/terminal.js'

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l'

class FakeOutput extends EventEmitter {
  columns = 70
  rows = 20
  text = ''
  write(text: string): boolean {
    this.text += text
    return true
  }
}

class FakeInput extends EventEmitter {
  raw: boolean[] = []
  flowing = false
  readonly isTTY: boolean
  constructor(isTTY = true) {
    super()
    this.isTTY = isTTY
  }
  setRawMode(raw: boolean): void {
    this.raw.push(raw)
  }
  resume(): void {
    this.flowing = true
  }
  pause(): void {
    this.flowing = false
  }
}

class FakeProcess extends EventEmitter {
  readonly pid = 42
  readonly killed: string[] = []
  kill(pid: number, signal: string): void {
    this.killed.push(`${pid} ${signal}`)
  }
}

function stage(isTTY = true): { output: FakeOutput; input: FakeInput; process: FakeProcess; terminal: Terminal } {
  const [output, input, process] = [new FakeOutput(), new FakeInput(isTTY), new FakeProcess()]
  return { output, input, process, terminal: new Terminal(output, input, process) }
}

function listenersOf(...emitters: EventEmitter[]): number {
  return emitters.flatMap((emitter) => emitter.eventNames().map((name) => emitter.listenerCount(name))).reduce((sum, count) => sum + count, 0)
}

describe('is given back', () => {
  it('when it is closed, once, with nothing left behind', () => {
    const { output, input, process, terminal } = stage()
    terminal.open()
    terminal.open()
    expect({ text: output.text, raw: input.raw, flowing: input.flowing }).toEqual({ text: ENTER, raw: [true], flowing: true })
    terminal.close()
    terminal.close()
    expect({ text: output.text, raw: input.raw, flowing: input.flowing }).toEqual({ text: ENTER + LEAVE, raw: [true, false], flowing: false })
    expect(listenersOf(output, input, process)).toBe(0)
  })

  it('when the process exits without closing it', () => {
    const { output, input, process, terminal } = stage()
    terminal.open()
    process.emit('exit')
    expect(output.text).toBe(ENTER + LEAVE)
    expect(input.raw).toEqual([true, false])
  })

  it('while Ctrl-Z has stopped the process; and is taken again, and drawn', () => {
    const { output, input, process, terminal } = stage()
    let redrawn = 0
    terminal.onRedraw = () => redrawn++
    terminal.open()
    input.emit('data', Buffer.from('\u001a'))
    expect(output.text).toBe(ENTER + LEAVE)
    expect(process.killed).toEqual(['42 SIGTSTP'])
    process.emit('SIGCONT')
    expect(output.text).toBe(ENTER + LEAVE + ENTER)
    expect(redrawn).toBe(1)
    terminal.close()
    expect(output.text).toBe(ENTER + LEAVE + ENTER + LEAVE)
    expect(listenersOf(output, input, process)).toBe(0)
  })

  it('for good when it is closed while the process is stopped', () => {
    const { output, input, process, terminal } = stage()
    terminal.open()
    input.emit('data', Buffer.from('\u001a'))
    terminal.close()
    process.emit('SIGCONT')
    expect(output.text).toBe(ENTER + LEAVE)
  })
})

describe('keys', () => {
  it('arrive one by one; Ctrl-C is the signal that it always is', () => {
    const { input, process, terminal } = stage()
    const keys: string[] = []
    terminal.onKey = (key) => keys.push(key)
    terminal.open()
    input.emit('data', Buffer.from('xq\u0003Q'))
    expect(keys).toEqual(['x', 'q', 'Q'])
    expect(process.killed).toEqual(['42 SIGINT'])
  })

  it('are left alone where stdin is no terminal', () => {
    const { output, input, terminal } = stage(false)
    terminal.open()
    expect({ keys: terminal.hasKeys, raw: input.raw, flowing: input.flowing }).toEqual({ keys: false, raw: [], flowing: false })
    terminal.close()
    expect(input.raw).toEqual([])
    expect(output.text).toBe(ENTER + LEAVE)
  })
})

it('another size is drawn anew', () => {
  const { output, terminal } = stage()
  const sizes: string[] = []
  terminal.onRedraw = () => sizes.push(`${terminal.columns} x ${terminal.rows}`)
  terminal.open()
  output.columns = 50
  output.rows = 9
  output.emit('resize')
  expect(sizes).toEqual(['50 x 9'])
})

describe('a frame', () => {
  it('clears each line before it, and what is below all of them', () => {
    expect(frameOf(['a', 'b'], 5)).toBe('\u001b[H\u001b[2Ka\r\n\u001b[2Kb\r\n\u001b[J')
  })

  it('of a full screen does not move it', () => {
    expect(frameOf(['a', 'b', 'c'], 2)).toBe('\u001b[H\u001b[2Ka\r\n\u001b[2Kb')
  })
})
