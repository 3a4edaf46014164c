// Bugs, each with the test that is there to see it. `npm run seeded-bugs` plants one after the other in a copy of the tree and
// runs that test, which has to fail; test/contract/reliability.test.ts sees to it that the list is up to date. docs/reliability.md
// has what it printed last.
//
//   name     what it is called
//   file     where it is planted
//   from     text that is there exactly once
//   to       what stands there instead
//   test     who must see it: a program of native/test and a part of a test's name, or a file of vitest and a part of a name
//   states   how many states are enough, for a test that counts them

const POWER_CUT = ['power_cut_test', 'PowerCut.LosesNothingThatWasAcknowledged']
const POWER_CUT_AFTER_FAULTS = ['power_cut_test', 'PowerCutAfterFaults.LosesNothingThatWasAcknowledged']
const PROCESS_DEATH = ['power_cut_test', 'ProcessDeath.LosesNothingThatWasAppended']
const PROCESS_DEATH_AFTER_FAULTS = ['power_cut_test', 'ProcessDeathAfterFaults.LosesNothingThatWasAppended']

/** @type {readonly import("./bugs.mjs").SeededBug[]} */
export const SEEDED_BUGS = Object.freeze([
  // --- Writing
  {
    name: 'no fsync',
    file: 'native/core/writer.cc',
    from: 'const Status synced = active_->Sync();',
    to: 'const Status synced = Status();',
    test: POWER_CUT
  },
  {
    name: 'acknowledged before the fsync',
    file: 'native/core/writer.cc',
    from: 'const Status synced = active_->Sync();',
    to: 'Acknowledge(written);\n  const Status synced = active_->Sync();',
    test: POWER_CUT
  },
  {
    name: 'fsync retried',
    file: 'native/core/writer.cc',
    from: 'const Status synced = active_->Sync();',
    to: 'Status synced = active_->Sync();\n  if (!synced.ok()) synced = active_->Sync();',
    test: POWER_CUT_AFTER_FAULTS
  },
  {
    name: 'half a batch kept after ENOSPC',
    file: 'native/core/segment_writer.cc',
    from: '  INGEST_WAL_RETURN_IF_ERROR(Write(part));\n  last_batch_at_ = position();\n  layout_.Advance(*batch, part.size);\n',
    to: '  last_batch_at_ = position();\n  const Status half = Write(part);\n  layout_.Advance(*batch, part.size);\n  INGEST_WAL_RETURN_IF_ERROR(half);\n',
    test: POWER_CUT_AFTER_FAULTS
  },
  {
    name: 'waiter left behind',
    file: 'native/core/writer.cc',
    from: '  if (lsn <= durable_lsn()) {\n    WakeListener();\n    return;\n  }\n',
    to: '  if (lsn <= durable_lsn()) return;\n',
    test: ['writer_test', 'GroupCommit.WhatIsTrueAlreadyWhenItIsAskedForIsToldAtOnce']
  },
  {
    name: 'entries dropped from the ring when writing them failed',
    file: 'native/core/writer.cc',
    from: '  if (written.position == drained_) return status;\n',
    to: '  if (written.position == drained_) {\n    if (!status.ok()) Acknowledge(Written{head, durable_lsn(), durable_checksum_, 0});\n    return status;\n  }\n',
    test: PROCESS_DEATH_AFTER_FAULTS
  },
  // --- Segments
  {
    name: 'renamed spare without directory fsync',
    file: 'native/core/segment_writer.cc',
    from: '  INGEST_WAL_RETURN_IF_ERROR(directory_->Sync());\n  const uint64_t from',
    to: '  const uint64_t from',
    test: POWER_CUT
  },
  {
    name: 'segment named before its header is synced',
    file: 'native/core/segment_writer.cc',
    from: '  INGEST_WAL_RETURN_IF_ERROR(file_->Sync());\n  // It is what its header says.',
    to: '  // It is what its header says.',
    test: ['segment_writer_test', 'SegmentWriter.HasItsNameOnlyWhenItsHeaderIsDurable']
  },
  {
    name: 'cut behind a seal that is not synced',
    file: 'native/core/segment_writer.cc',
    from: '  INGEST_WAL_RETURN_IF_ERROR(file->Sync());\n  INGEST_WAL_RETURN_IF_ERROR(file->Truncate(offset + end.size));',
    to: '  INGEST_WAL_RETURN_IF_ERROR(file->Truncate(offset + end.size));',
    test: POWER_CUT
  },
  {
    name: 'cut for lack of space without a sync before',
    file: 'native/core/segment_writer.cc',
    from: '  INGEST_WAL_RETURN_IF_ERROR(Sync());\n  INGEST_WAL_RETURN_IF_ERROR(file_->Truncate(position()));',
    to: '  INGEST_WAL_RETURN_IF_ERROR(Usable());\n  INGEST_WAL_RETURN_IF_ERROR(file_->Truncate(position()));',
    test: ['segment_writer_test', 'SegmentWriter.AFileThatIsCutForLackOfSpaceEndsBehindItsLastRecordWhereverThePowerGoes']
  },
  {
    name: 'a left segment sealed before its length is durable',
    file: 'native/core/segment_writer.cc',
    from: 'opened->Truncate(header.planned_bytes));\n    INGEST_WAL_RETURN_IF_ERROR(opened->Sync());\n',
    to: 'opened->Truncate(header.planned_bytes));\n',
    test: ['log_damage_test', 'Damage.AFileGivenUpAfterAFullDiskIsSealedAndNeverLooksAsIfItHadLostThatWhereverThePowerGoes']
  },
  {
    name: 'segments removed before the names that replace them are synced',
    file: 'native/core/spare_segment.cc',
    from: 'Status SpareSegment::SyncWhatReplacesIt() { return directory_->Sync(); }',
    to: 'Status SpareSegment::SyncWhatReplacesIt() { return Status(); }',
    test: ['spare_segment_test', 'SpareSegment.ARetiredSegmentIsThereAsLongAsWhatReplacesItMayNotBeWhereverThePowerGoes']
  },
  {
    name: 'room for the seal not kept',
    file: 'native/core/writer.cc',
    from: 'if (active_ != nullptr && active_->room() >= first_record_bytes) return Status();',
    to: 'if (active_ != nullptr) return Status();',
    test: POWER_CUT,
    states: 200_000
  },
  // --- Records
  {
    name: 'checksum without length',
    file: 'native/core/record_short.cc',
    from: '          Load<uint32_t>(record + kMagicAt)};',
    to: '          Load<uint16_t>(record + kMagicAt)};',
    test: ['record_short_test', 'ShortEntry.WithAnyBitFlippedIsNoEntryAndItsHeaderIsBelievedOnlyWhenItIsSound']
  },
  {
    name: 'checksum without position',
    file: 'native/core/record_short.cc',
    from: '  return {segment_seed, offset, record + kBodyChecksumAt,',
    to: '  return {segment_seed, offset * 0, record + kBodyChecksumAt,',
    test: ['record_short_test', 'ShortEntry.IsNoneAtAnotherPlaceInAnotherSegmentOrBehindAnotherLsn']
  },
  {
    name: 'checksum without salt and number',
    file: 'native/core/record.cc',
    from: '  return Crc32c(0, bytes, sizeof(bytes));\n}',
    to: '  return Crc32c(0, bytes, 0);\n}',
    test: ['recycled_segment_test', 'RecycledSegment.StaleRecordsWithTheNextLsnsStayUnread']
  },
  {
    name: 'a header that was written for another place says whose a lost entry was',
    file: 'native/core/lost_header.cc',
    from: 'computed, kPayloadAt, kHeaderChecksumAt)) return false;',
    to: 'computed, kPayloadAt, kHeaderChecksumAt)) found->lsn = 0;',
    test: ['lost_header_test', 'LostHeader.OfAnotherPlaceOrSegmentSaysNothingHoweverWholeItIs']
  },
  {
    name: 'length unchecked',
    file: 'native/core/record_short.cc',
    from: '  if (window.size < bytes) return NeedMore(bytes, record);\n#endif',
    to: '  if (window.size < bytes * 0) return NeedMore(bytes, record);\n#endif',
    test: ['record_short_test', 'ShortEntry.SaysHowManyBytesItNeedsAndLooksAtNoOthers']
  },
  {
    name: 'checksum of the payload not looked at',
    file: 'native/core/record_short.cc',
    from: 'if (record->body_checksum != body_checksum || operation == 0 ||',
    to: 'if (record->body_checksum != body_checksum * 0 + record->body_checksum || operation == 0 ||',
    test: ['record_short_test', 'ShortEntry.WithAnyBitFlippedIsNoEntryAndItsHeaderIsBelievedOnlyWhenItIsSound']
  },
  // --- Recovery
  {
    name: 'no take-over',
    file: 'native/core/log_end.cc',
    from: '  if (ring_leads) CarryRing(',
    to: '  if (ring_leads && !ring.found) CarryRing(',
    test: PROCESS_DEATH
  },
  {
    name: 'take-over twice',
    file: 'native/core/log_end.cc',
    from: '    if (entry.lsn > end->previous_lsn) end->carried.Add(entry);\n',
    to: '    end->carried.Add(entry);\n',
    test: PROCESS_DEATH
  },
  {
    name: 'LSNs of a dead process used again',
    file: 'native/core/log_end.cc',
    from: '  end->first_lsn = end->previous_lsn + 1;\n',
    to: '  end->first_lsn = end->previous_lsn;\n',
    test: ['log_test', 'Open.BehindACleanCloseFindsEverythingAndNoRing']
  },
  {
    name: 'LSNs behind an unreadable end used again',
    file: 'native/core/log_end.cc',
    from: 'std::min(end->durable_lsn + unread, kMaxLsn - 1)',
    to: 'std::min(end->durable_lsn + 0 * unread, kMaxLsn - 1)',
    test: ['log_end_test', 'LogEnd.ThatTheDeviceCannotReadIsToldAndNoNumberThatMayStandThereIsUsedAgain']
  },
  {
    name: 'LSNs of a last segment without a header used again',
    file: 'native/core/log_end.cc',
    from: 'if (segment.rejected_kind == damage_kind::kSegmentHeader) bytes +=',
    to: 'if (segment.rejected_kind == damage_kind::kSegmentHeader) bytes += 0 *',
    test: ['log_end_test', 'LogEnd.InASegmentWithoutAHeaderIsToldAndNoNumberThatMayStandThereIsUsedAgain']
  },
  {
    name: 'LSNs given up before anything durable says so',
    file: 'native/core/log_opener.cc',
    from: 'if (end_.GivesLsnsUp()) INGEST_WAL_RETURN_IF_ERROR',
    to: 'if (end_.GivesLsnsUp() && false) INGEST_WAL_RETURN_IF_ERROR',
    test: ['log_end_test', 'LogEnd.ThatCannotBeReadGivesNumbersUpAlsoWhenThePowerGoesMeanwhile']
  },
  {
    name: 'torn tail not cut',
    file: 'native/core/log_opener.cc',
    from: '      cut = std::min(cut, finding.offset);\n',
    to: '      cut = std::max(cut, finding.nonzero_end);\n',
    test: POWER_CUT
  },
  {
    name: 'unproven entries not carried when it goes on behind a torn tail',
    file: 'native/core/log_end.cc',
    from: 'CollectTail(directory, scan, found.last_lsn, !ring_leads, end)',
    to: 'CollectTail(directory, scan, found.last_lsn, false, end)',
    test: POWER_CUT
  },
  {
    name: 'ring emptied before its entries are durable',
    file: 'native/core/log_opener.cc',
    from: '  INGEST_WAL_RETURN_IF_ERROR(MakeSegment());\n',
    to: '  INGEST_WAL_RETURN_IF_ERROR(MakeRing());\n  INGEST_WAL_RETURN_IF_ERROR(MakeSegment());\n',
    test: PROCESS_DEATH
  },
  {
    name: 'lock not held',
    file: 'native/core/log_opener.cc',
    from: '  INGEST_WAL_RETURN_IF_ERROR(log_->directory_->Lock(kLockName, &log_->lock_));\n',
    to: '  INGEST_WAL_RETURN_IF_ERROR(log_->directory_->Lock(kLockName, &log_->lock_));\n  log_->lock_.reset();\n',
    test: ['log_test', 'Open.ASecondTimeIsRefusedWhileTheFirstLives']
  },
  // --- Checkpoints, compression, retention
  {
    name: 'NaN taken for a number of hours',
    file: 'lib/config/keys.ts',
    from: 'value > 0 && value <= MAX_BUFFER_HOURS',
    to: '!(value <= 0) && !(value > MAX_BUFFER_HOURS)',
    test: ['test/fuzz/config-corpus.test.ts', '']
  },
  {
    name: 'retention of what only the newest checkpoint covers',
    file: 'lib/maintenance/retention.ts',
    from: 'return whole.at(-2)?.coveredSegment ?? 0',
    to: 'return whole.at(-1)?.coveredSegment ?? 0',
    test: ['test/maintenance/retention.test.ts', '']
  },
  {
    name: 'an open buffer not kept by a checkpoint',
    file: 'lib/maintenance/plan.ts',
    from: '  for (const mark of user.live) if (mark.lsn < first.lsn) first = mark\n',
    to: '',
    test: ['test/maintenance/plan.test.ts', '']
  },
  {
    name: 'the last state not kept by a checkpoint',
    file: 'lib/maintenance/plan.ts',
    from: '      if (stateLsn > 0 && stateLsn < lsn) also.add(stateLsn)\n',
    to: '',
    test: ['test/maintenance/plan.test.ts', '']
  },
  {
    name: 'compressed, and not read back',
    file: 'lib/maintenance/compression.ts',
    from: '    await compareContent(plain, temporary, signal)\n    await compareScans(plain, temporary)\n',
    to: '    await Promise.allSettled([compareContent(plain, temporary, signal), compareScans(plain, temporary)])\n',
    test: ['test/maintenance/compression.test.ts', '']
  },
  // --- Replay
  {
    name: 'replay half applied: what has a CHECKPOINT counts as committed',
    file: 'lib/recovery/machine.ts',
    from: '      buffer.replaying = true\n',
    to: '      drop(user, (each) => each === buffer)\n',
    test: ['test/recovery/cut-anywhere.test.ts', '']
  },
  {
    name: 'a later buffer proves that the one before it was ended, not cleared',
    file: 'lib/recovery/machine.ts',
    from: '  for (const each of user.buffers) each.maybeCleared ||= each.number <= buffer.number\n',
    to: '',
    test: ['test/recovery/tainted.test.ts', '']
  },
  {
    name: 'ROLLBACK taken for a COMMIT',
    file: 'lib/recovery/machine.ts',
    from: '      buffer.replaying = false\n',
    to: '      drop(user, (each) => each === buffer)\n',
    test: ['test/recovery/cut-anywhere.test.ts', '']
  },
  {
    name: 'CHECKPOINT without its state',
    file: 'lib/recovery/machine.ts',
    from: '): EncodedBuffer {\n  takeState(user, about)\n',
    to: '): EncodedBuffer {\n  user.replayed = about.replayed\n',
    test: ['test/recovery/loss.test.ts', '']
  },
  {
    name: 'a clear takes a doubt about the state away',
    file: 'lib/recovery/machine.ts',
    from: 'user.stateInDoubt ||= user.unaccounted > 1',
    to: 'user.stateInDoubt = user.unaccounted > 1',
    test: ['test/recovery/machine.test.ts', '']
  },
  // --- The addon and what is above it
  {
    name: 'unjoined thread',
    file: 'native/binding/log_threads.cc',
    from: '  uv_thread_join(&writer_thread_);\n  uv_thread_join(&spare_thread_);\n',
    to: '',
    test: ['test/crash/leave.test.ts', '']
  },
  {
    name: 'head moved before the entry is whole',
    file: 'lib/wal/ring-appender.ts',
    from: '    const word = this.#at >> 2\n    const double = this.#at >> 3\n    words[word] = ENTRY_MAGIC',
    to: '    const word = this.#at >> 2\n    const double = this.#at >> 3\n    Atomics.store(words, HEAD_AT >> 2, (this.#head + entryBytes) | 0)\n    words[word] = ENTRY_MAGIC',
    test: ['test/wal/ring-appender.test.ts', '']
  },
  {
    name: 'waiters told one batch too early',
    file: 'lib/wal/waiters.ts',
    from: '      if (group.lsn > durableLsn) break\n',
    to: '      if (group.lsn > durableLsn + 1) break\n',
    test: ['test/wal/waiters.test.ts', '']
  },
  {
    name: 'terminal escapes shown as they are',
    file: 'lib/text/escape.ts',
    from: "  return text.replaceAll('\\\\', '\\\\\\\\').replace(UNSAFE, escapeCharacter)\n",
    to: '  return text\n',
    test: ['test/cli/escape.test.ts', '']
  }
])
