/* How many bytes the kernel's LZ4 makes of pages. Rules: lib/lz4/lz4_compress.c,
 * LZ4_compress_generic() as zram calls it: acceleration 1, room for any output, input of at most
 * 64 KiB (Linux 4.11 to 6.18). liblz4 looks for matches up to one byte further on and so differs,
 * by 0.004 % or less over many pages. Only lengths are worked out: nothing is written, and the
 * table of positions is emptied once for many pages.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	TABLE_BITS = 13,
	MIN_MATCH = 4,
	LAST_LITERALS = 5,	/* a page ends with so many bytes that no match covers */
	NO_MATCH_BEGINS = 12,	/* nor does one begin in so many */
	SKIP_TRIGGER = 6,	/* after 2^6 places in vain every second is tried, then every third */
	TOKEN_HOLDS = 15,	/* lengths from that on take bytes of their own */
	EXTENSION = 255,	/* what each of those adds */
};

static uint32_t word_at(const uint8_t *p)
{
	uint32_t word;

	memcpy(&word, p, sizeof word);
	return word;
}

static uint64_t difference(const uint8_t *p, const uint8_t *q)
{
	uint64_t a, b;

	memcpy(&a, p, sizeof a);
	memcpy(&b, q, sizeof b);
	return a ^ b;
}

/* How many bytes are equal, of eight that differ so. */
static size_t bytes_before(uint64_t differing)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_clzll(differing) >> 3;
#else
	return __builtin_ctzll(differing) >> 3;
#endif
}

static uint32_t place_of(uint32_t word)
{
	return word * 2654435761U >> (32 - TABLE_BITS);
}

/* Bytes that a length takes besides the token. */
static size_t extension(size_t length)
{
	return (length + EXTENSION - TOKEN_HOLDS) / EXTENSION;
}

/* How many bytes from `at` to before `end` equal those from `match` on. */
static size_t equal_bytes(const uint8_t *at, const uint8_t *match, const uint8_t *end)
{
	const uint8_t *begin = at;

	while (at + 16 <= end) {
		uint64_t first = difference(at, match), second = difference(at + 8, match + 8);

		if (first | second)
			return at - begin + (first ? 0 : 8) + bytes_before(first ? first : second);
		at += 16;
		match += 16;
	}
	while (at < end && *at == *match) {
		at++;
		match++;
	}
	return at - begin;
}

/* Puts `at` into the table of positions, which are counted from `origin`, and gives what was there.
 * Positions below `base` are of earlier pages and stand for `base`, where this page begins: so the
 * kernel takes its table's zeros. Such a match is never one, for had it the page's first word, that
 * word's own position would be there. */
static const uint8_t *exchange(uint16_t *positions, uint32_t place, const uint8_t *at,
			       const uint8_t *origin, uint32_t base)
{
	uint32_t last = positions[place];

	positions[place] = (uint16_t)(at - origin);
	return origin + (last > base ? last : base);
}

static size_t payload_bytes(const uint8_t *page, size_t size, uint16_t *positions, uint32_t base)
{
	const uint8_t *origin = page - base, *end = page + size;
	const uint8_t *last_begin = end - NO_MATCH_BEGINS, *match_end = end - LAST_LITERALS;
	const uint8_t *at = page, *literals = page, *match;
	size_t length = 0;

	if (size <= NO_MATCH_BEGINS)
		return 1 + size;
	exchange(positions, place_of(word_at(at)), at, origin, base);
	for (;;) {
		const uint8_t *next = at + 1;
		uint32_t place = place_of(word_at(next)), step = 1, tries = 1 << SKIP_TRIGGER;

		do {
			uint32_t here = place;

			at = next;
			next += step;
			step = tries++ >> SKIP_TRIGGER;
			if (next > last_begin)
				goto no_more;
			place = place_of(word_at(next));
			match = exchange(positions, here, at, origin, base);
		} while (word_at(match) != word_at(at));
		while (at > literals && match > page && at[-1] == match[-1]) {
			at--;
			match--;
		}
		length += 1 + extension(at - literals) + (at - literals);
		for (;;) {
			size_t more = equal_bytes(at + MIN_MATCH, match + MIN_MATCH, match_end);

			length += 2 + extension(more);
			at += MIN_MATCH + more;
			literals = at;
			if (at > last_begin)
				goto no_more;
			exchange(positions, place_of(word_at(at - 2)), at - 2, origin, base);
			match = exchange(positions, place_of(word_at(at)), at, origin, base);
			if (word_at(match) != word_at(at))
				break;
			length++;
		}
	}
no_more:
	return length + 1 + extension(end - literals) + (end - literals);
}

/* The lengths of the pages of `size` bytes, 64 KiB at most, that begin at these offsets. */
void lz4_lengths(const uint8_t *memory, size_t size, const int64_t *offsets, size_t pages,
		 uint32_t *lengths)
{
	uint16_t positions[1 << TABLE_BITS];
	size_t base = 0, most = (size_t)1 << 16;

	for (size_t page = 0; page < pages; page++) {
		if (page == 0 || base + 2 * size > most) {
			memset(positions, 0, sizeof positions);
			base = 0;
		} else {
			base += size;
		}
		lengths[page] = (uint32_t)payload_bytes(memory + offsets[page], size, positions,
							(uint32_t)base);
	}
}
