/**
 * A disk in memory that promises no more than POSIX does, behind the calls of `node:fs/promises` that the library makes. Each
 * call that changes something is a point at which the power can go. What was not synced then is there or not, at random: each
 * sector of a write, each size, each name; bytes that were never durable may come back as garbage. Bytes once durable keep their
 * value. A rename within a directory is there or not as a whole; one between two is two changes.
 */
import { basename, dirname } from 'node:path'

const SECTOR_BYTES = 512

export type Random = () => number

/** A file, whatever names it has. */
class MemoryFile {
  readonly isDirectory = false
  current = Buffer.alloc(0)
  durable = Buffer.alloc(0)
  /** Written since the last sync: [begin, end) of `current`. */
  dirty: Array<[number, number]> = []
  /** Bytes below this were durable once. */
  settledBytes = 0

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length
    if (end > this.current.length) this.current = Buffer.concat([this.current, Buffer.alloc(end - this.current.length)])
    this.current.set(bytes, position)
    this.dirty.push([position, end])
  }

  sync(): void {
    this.durable = Buffer.from(this.current)
    this.dirty = []
    this.settledBytes = Math.max(this.settledBytes, this.current.length)
  }

  afterPowerCut(random: Random): MemoryFile {
    const file = new MemoryFile()
    const size = random() < 0.5 ? this.current.length : this.durable.length
    file.current = Buffer.concat([this.durable, Buffer.alloc(Math.max(0, size - this.durable.length))]).subarray(0, size)
    for (const [begin, end] of this.dirty) {
      for (let at = begin; at < Math.min(end, size); at = nextSector(at)) {
        const to = Math.min(end, size, nextSector(at))
        const choice = random()
        if (choice < 0.5) this.current.copy(file.current, at, at, to)
        else if (choice < 0.56 && at >= this.settledBytes) for (let byte = at; byte < to; byte++) file.current[byte] = random() * 256
      }
    }
    file.sync()
    return file
  }
}

function nextSector(at: number): number {
  return (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES
}

type Names = Map<string, MemoryFile | MemoryDirectory>

class MemoryDirectory {
  readonly isDirectory = true
  names: Names = new Map()
  durable: Names = new Map()
  /** Since the last sync. Each happens as a whole, or not. */
  pending: Array<(names: Names) => void> = []

  change(what: (names: Names) => void): void {
    what(this.names)
    this.pending.push(what)
  }

  sync(): void {
    this.durable = new Map(this.names)
    this.pending = []
  }

  /** A file with two names stays one: `done` has what was made of each. */
  afterPowerCut(random: Random, done: Map<object, MemoryFile | MemoryDirectory>): MemoryDirectory {
    const directory = new MemoryDirectory()
    done.set(this, directory)
    const names = new Map(this.durable)
    for (const change of this.pending) if (random() < 0.5) change(names)
    for (const [name, node] of names) {
      const made = done.get(node) ?? (node.isDirectory ? node.afterPowerCut(random, done) : node.afterPowerCut(random))
      done.set(node, made)
      directory.names.set(name, made)
    }
    directory.sync()
    return directory
  }
}

/** What the double of a bug leaves out. */
export type Forgotten = 'file sync' | 'directory sync' | undefined

export class MemoryDisk {
  #root = new MemoryDirectory()
  #steps = 0
  #cutAt = Infinity
  /** A seeded bug: these calls do nothing. */
  forgets: Forgotten = undefined
  /** A device that stores something else than it was given. */
  stores = (_path: string, bytes: Uint8Array): Uint8Array => bytes
  /** Names of other disks, to which there are no links. */
  otherDisks: string[] = []

  /** The power goes at the `step`-th change from now; the first is 1. */
  cutAt(step: number): void {
    this.#cutAt = this.#steps + step
  }

  get powered(): boolean {
    return this.#steps < this.#cutAt
  }

  get steps(): number {
    return this.#steps
  }

  /** What is there when the machine comes up again. */
  afterPowerCut(random: Random): MemoryDisk {
    const disk = new MemoryDisk()
    disk.#root = this.#root.afterPowerCut(random, new Map())
    disk.forgets = this.forgets
    disk.otherDisks = this.otherDisks
    disk.stores = this.stores
    return disk
  }

  /** What the next process finds when this one died: everything as it is, durable or not. Goes on with the same disk. */
  afterProcessDeath(): this {
    this.#cutAt = Infinity
    return this
  }

  /** A file or a directory that is durable. */
  put(path: string, bytes?: Uint8Array): void {
    const parent = this.#directory(dirname(path))
    const node = bytes === undefined ? new MemoryDirectory() : new MemoryFile()
    if (!node.isDirectory) node.write(bytes as Uint8Array, 0)
    node.sync()
    parent.change((names) => names.set(basename(path), node))
    parent.sync()
  }

  /** Every file by its path, sorted. */
  files(): Map<string, Buffer> {
    const found: Array<[string, Buffer]> = []
    const walk = (path: string, directory: MemoryDirectory): void => {
      for (const [name, node] of directory.names) {
        if (node.isDirectory) walk(`${path}/${name}`, node)
        else found.push([`${path}/${name}`, node.current])
      }
    }
    walk('', this.#root)
    return new Map(found.sort(([one], [other]) => (one < other ? -1 : 1)))
  }

  bytesOf(path: string): Buffer {
    return this.#file(path).current
  }

  has(path: string): boolean {
    return this.#find(path) !== undefined
  }

  // --- node:fs/promises

  readonly #system = {
    open: (path: string, flags: string | number): unknown => {
      const found = this.#find(path)
      if (flags === 'wx') {
        if (found !== undefined) throw failure('EEXIST', path)
        const file = new MemoryFile()
        this.#change(() => this.#directory(dirname(path)).change((names) => names.set(basename(path), file)))
        return this.#handle(file, path)
      }
      this.#look()
      if (found === undefined) throw failure('ENOENT', path)
      return this.#handle(found, path)
    },
    copyFile: (from: string, to: string): void => {
      const bytes = this.#file(from).current
      this.#system.open(to, 'wx')
      this.#write(to, this.#file(to), bytes, 0)
    },
    link: (from: string, to: string): void => {
      const file = this.#file(from)
      if (this.#diskOf(from) !== this.#diskOf(to)) throw failure('EXDEV', to)
      if (this.has(to)) throw failure('EEXIST', to)
      this.#change(() => this.#directory(dirname(to)).change((names) => names.set(basename(to), file)))
    },
    rename: (from: string, to: string): void => {
      const node = this.#find(from)
      if (node === undefined) throw failure('ENOENT', from)
      const [there, here] = [this.#directory(dirname(from)), this.#directory(dirname(to))]
      const remove = (names: Names): unknown => names.get(basename(from)) === node && names.delete(basename(from))
      const add = (names: Names): unknown => names.set(basename(to), node)
      this.#change(() => {
        if (there === here) here.change((names) => [remove(names), add(names)])
        else for (const [directory, change] of [[here, add], [there, remove]] as const) directory.change(change)
      })
    },
    rm: (path: string, { force = false } = {}): void => {
      if (!this.has(path)) {
        this.#look()
        if (force) return
        throw failure('ENOENT', path)
      }
      this.#change(() => this.#directory(dirname(path)).change((names) => names.delete(basename(path))))
    },
    mkdir: (path: string, { recursive = false } = {}): string | undefined => {
      this.#look()
      if (this.has(path)) {
        if (recursive) return undefined
        throw failure('EEXIST', path)
      }
      let first: string | undefined
      if (!this.has(dirname(path))) {
        if (!recursive) throw failure('ENOENT', path)
        first = this.#system.mkdir(dirname(path), { recursive })
      }
      this.#change(() => this.#directory(dirname(path)).change((names) => names.set(basename(path), new MemoryDirectory())))
      return first ?? path
    },
    readdir: (path: string): string[] => {
      this.#look()
      return [...this.#directory(path).names.keys()]
    },
    stat: (path: string): unknown => {
      this.#look()
      const node = this.#find(path)
      if (node === undefined) throw failure('ENOENT', path)
      return statOf(node)
    },
    lstat: (path: string): unknown => this.#system.stat(path),
    statfs: (): unknown => ({ bavail: 1e9, bsize: 4096 })
  }

  readonly calls = promised(this.#system)

  #handle(node: MemoryFile | MemoryDirectory, path: string): unknown {
    const file = (): MemoryFile => node as MemoryFile
    return promised({
      stat: () => statOf(node),
      read: (to: Buffer, offset: number, count: number, position: number) => {
        this.#look()
        return { bytesRead: file().current.copy(to, offset, position, position + count) }
      },
      write: (bytes: Buffer, offset: number, count: number, position: number) => {
        this.#write(path, file(), bytes.subarray(offset, offset + count), position)
        return { bytesWritten: count }
      },
      writeFile: (text: string) => this.#write(path, file(), Buffer.from(text), 0),
      chmod: () => this.#look(),
      chown: () => this.#look(),
      sync: () => {
        this.#change(() => {
          if (this.forgets !== (node.isDirectory ? 'directory sync' : 'file sync')) node.sync()
        })
      },
      close: () => undefined
    })
  }

  /** The cut that a write falls into comes behind it: which of its sectors are on the disk is drawn then. */
  #write(path: string, file: MemoryFile, bytes: Uint8Array, position: number): void {
    this.#look()
    file.write(this.stores(path, bytes), position)
    this.#change(() => undefined)
  }

  #look(): void {
    if (!this.powered) throw failure('EIO', 'the power is off')
  }

  #change(what: () => void): void {
    this.#look()
    this.#steps++
    this.#look()
    what()
  }

  #find(path: string): MemoryFile | MemoryDirectory | undefined {
    let node: MemoryFile | MemoryDirectory | undefined = this.#root
    for (const name of path.split('/').filter((part) => part !== '')) {
      node = node?.isDirectory === true ? node.names.get(name) : undefined
    }
    return node
  }

  #directory(path: string): MemoryDirectory {
    const node = this.#find(path)
    if (node === undefined) throw failure('ENOENT', path)
    if (!node.isDirectory) throw failure('ENOTDIR', path)
    return node
  }

  #file(path: string): MemoryFile {
    const node = this.#find(path)
    if (node === undefined) throw failure('ENOENT', path)
    if (node.isDirectory) throw failure('EPERM', path)
    return node
  }

  #diskOf(path: string): string | undefined {
    return this.otherDisks.find((disk) => path.startsWith(disk))
  }
}

function statOf(node: MemoryFile | MemoryDirectory): { size: number; blocks: number; uid: number; gid: number; isFile: () => boolean } {
  const size = node.isDirectory ? 0 : node.current.length
  return { size, blocks: Math.ceil(size / SECTOR_BYTES), uid: 0, gid: 0, isFile: () => !node.isDirectory }
}

function failure(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}

type Promised<Calls> = { [Name in keyof Calls]: Calls[Name] extends (...args: infer Args) => infer Result ? (...args: Args) => Promise<Result> : never }

/** The same calls, whose answers come later, errors too. */
function promised<Calls extends object>(calls: Calls): Promised<Calls> {
  const later = Object.entries(calls).map(([name, call]) => [name, (...args: unknown[]) => Promise.resolve().then(() => (call as (...given: unknown[]) => unknown)(...args))])
  return Object.fromEntries(later) as Promised<Calls>
}
