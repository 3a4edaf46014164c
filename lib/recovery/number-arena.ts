/**
 * Where recovery keeps the numbers of many lists that grow side by side, most of which are given up again: blocks of a few
 * slabs, chained, and reused. Arrays of their own would keep the garbage collector busier than the log keeps recovery.
 */

/** Measurements in a block: a time and a value each. */
const BLOCK_SHIFT = 3
const BLOCK_MASK = (1 << BLOCK_SHIFT) - 1
/** Blocks in a slab of 512 KB. */
const SLAB_SHIFT = 12
const SLAB_MASK = (1 << SLAB_SHIFT) - 1
const NONE = -1

/** Numbers of one list: its first and its last block. */
export interface NumberChain {
  first: number
  last: number
  /** Measurements in it. */
  length: number
}

export function emptyChain(): NumberChain {
  return { first: NONE, last: NONE, length: 0 }
}

export class NumberArena {
  readonly #slabs: Float64Array[] = []
  /** The block behind each block in its chain. */
  #next = new Int32Array(1 << SLAB_SHIFT)
  #blocks = 0
  #free = NONE

  /** Blocks that were ever in use at the same time. */
  get blocks(): number {
    return this.#blocks
  }

  add(chain: NumberChain, timestamp: number, value: number): void {
    const place = chain.length & BLOCK_MASK
    if (place === 0) this.#lengthen(chain)
    const block = chain.last
    const slab = this.#slabs[block >> SLAB_SHIFT] as Float64Array
    const at = (((block & SLAB_MASK) << BLOCK_SHIFT) | place) << 1
    slab[at] = timestamp
    slab[at + 1] = value
    chain.length++
  }

  /** Times and values of the chain, in turn. */
  copyOf(chain: NumberChain): Float64Array {
    const numbers = new Float64Array(2 * chain.length)
    let block = chain.first
    for (let done = 0; done < chain.length; done += 1 << BLOCK_SHIFT) {
      const from = (block & SLAB_MASK) << (BLOCK_SHIFT + 1)
      const count = Math.min(1 << BLOCK_SHIFT, chain.length - done) << 1
      const slab = this.#slabs[block >> SLAB_SHIFT] as Float64Array
      for (let i = 0; i < count; i++) numbers[2 * done + i] = slab[from + i] as number
      block = this.#next[block] as number
    }
    return numbers
  }

  /** Empties the chain: others may have its blocks. */
  release(chain: NumberChain): void {
    if (chain.first !== NONE) {
      this.#next[chain.last] = this.#free
      this.#free = chain.first
    }
    Object.assign(chain, emptyChain())
  }

  #lengthen(chain: NumberChain): void {
    const block = this.#free === NONE ? this.#newBlock() : this.#free
    if (block === this.#free) this.#free = this.#next[block] as number
    if (chain.last === NONE) chain.first = block
    else this.#next[chain.last] = block
    chain.last = block
  }

  #newBlock(): number {
    const block = this.#blocks++
    if (block >> SLAB_SHIFT === this.#slabs.length) this.#slabs.push(new Float64Array(2 << (SLAB_SHIFT + BLOCK_SHIFT)))
    if (block === this.#next.length) {
      const larger = new Int32Array(2 * block)
      larger.set(this.#next)
      this.#next = larger
    }
    return block
  }
}
