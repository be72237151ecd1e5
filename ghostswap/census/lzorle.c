/* How many bytes the kernel's lzo-rle makes of a page: what lzorle.py says, in C, which is some
 * hundred times as fast. Rules: lib/lzo/lzo1x_compress.c, lzo1x_1_do_compress(), and
 * lib/lzo/lzodefs.h (Linux 6.18). Only the length is worked out, so nothing is written.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	DICTIONARY_BITS = 13,
	TAIL = 20,		/* bytes at the end of a block that are never searched */
	M2_MAX_LENGTH = 8, M2_MAX_OFFSET = 0x0800,
	M3_MAX_LENGTH = 33, M3_MAX_OFFSET = 0x4000,
	M4_MAX_LENGTH = 9, M4_MAX_OFFSET = 0xbffe,
	MIN_ZERO_RUN = 4, MAX_ZERO_RUN = 2047 + 4,
	STREAM_HEADER = 2, END_MARKER = 3, ZERO_RUN_INSTRUCTION = 4,
	EXTENSION = 255,	/* what each further length byte adds */
};

static uint32_t word_at(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Bytes that a run of literals takes, its instruction included. */
static size_t literals(size_t count)
{
	if (count <= 3)
		return count;	/* the count fits into the instruction before */
	if (count <= 18)
		return 1 + count;
	return 2 + (count - 19) / EXTENSION + count;
}

/* Bytes that a match takes. */
static size_t match_bytes(size_t length, size_t offset)
{
	size_t longest = offset <= M3_MAX_OFFSET ? M3_MAX_LENGTH : M4_MAX_LENGTH;

	if (length <= M2_MAX_LENGTH && offset <= M2_MAX_OFFSET)
		return 2;
	if (length <= longest)
		return 3;
	return 4 + (length - longest - 1) / EXTENSION;
}

/* Where what begins at `at` stops to equal what begins at `match`: up to seven bytes beyond `end`,
 * since eight are compared at a time and the end is looked for only between two such steps. */
static size_t match_end(const uint8_t *data, size_t match, size_t at, size_t end)
{
	size_t length = 4;

	while (memcmp(data + at + length, data + match + length, 8) == 0) {
		length += 8;
		if (at + length >= end)
			return at + length;
	}
	while (data[at + length] == data[match + length])
		length++;
	return at + length;
}

/* Bytes written for one block. `pending` counts literals that are not written yet: those of the
 * block before, and afterwards those at the end of this one. */
static size_t block_bytes(const uint8_t *data, size_t size, size_t *pending)
{
	uint16_t dictionary[1 << DICTIONARY_BITS];
	size_t end = size - TAIL, written = 0;
	size_t literals_from = 0;	/* what precedes this is encoded */
	size_t at = *pending < 4 ? 4 - *pending : 0;

	memset(dictionary, 0, sizeof dictionary);
	at += 1 + (at >> 5);
	while (at < end) {
		uint32_t here = word_at(data + at);
		size_t match = 0, stop;

		if (here) {
			uint16_t *place = &dictionary[here * 0x1824429dU >> (32 - DICTIONARY_BITS)];

			match = *place;
			*place = (uint16_t)at;
			if (word_at(data + match) != here) {
				at += 1 + ((at - literals_from) >> 5);
				continue;
			}
		}
		written += literals(at - literals_from + *pending);
		*pending = 0;
		if (here) {
			stop = match_end(data, match, at, end);
			written += match_bytes(stop - at, at - match);
		} else {
			size_t limit = at + MAX_ZERO_RUN < end ? at + MAX_ZERO_RUN : end;

			stop = at + MIN_ZERO_RUN;
			while (stop < limit && data[stop] == 0)
				stop++;
			written += ZERO_RUN_INSTRUCTION;
		}
		at = literals_from = stop;
	}
	*pending += size - literals_from;
	return written;
}

static size_t payload_bytes(const uint8_t *page, size_t size)
{
	size_t length = STREAM_HEADER, pending = 0;

	for (size_t start = 0; start < size; start += M4_MAX_OFFSET + 1) {
		size_t block = size - start < M4_MAX_OFFSET + 1 ? size - start : M4_MAX_OFFSET + 1;

		if (block <= TAIL) {
			pending += block;
			break;
		}
		length += block_bytes(page + start, block, &pending);
	}
	if (pending)
		length += length == STREAM_HEADER && pending <= 238 ? 1 + pending : literals(pending);
	return length + END_MARKER;
}

/* The lengths of the pages of `size` bytes that begin at these offsets. */
void lzo_rle_lengths(const uint8_t *memory, size_t size, const int64_t *offsets, size_t pages,
		     uint32_t *lengths)
{
	for (size_t page = 0; page < pages; page++)
		lengths[page] = (uint32_t)payload_bytes(memory + offsets[page], size);
}
