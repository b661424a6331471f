// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the C library has too, without its vector registers. */
#include "sandbox.h"

void *memcpy(void *to, const void *from, size_t size)
{
	void *start = to;

	asm volatile("rep movsb" : "+D" (to), "+S" (from), "+c" (size)
		     : : "memory");
	return start;
}

void *memset(void *to, int byte, size_t size)
{
	void *start = to;

	asm volatile("rep stosb" : "+D" (to), "+c" (size) : "a" (byte)
		     : "memory");
	return start;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const uint8_t *first = a, *second = b;

	for (; size; size--, first++, second++)
		if (*first != *second)
			return *first - *second;
	return 0;
}

size_t text_length(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

bool text_equal(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return *a == *b;
}

/* What is behind a prefix; NULL: it does not begin so. */
const char *text_after(const char *text, const char *prefix)
{
	for (; *prefix; text++, prefix++)
		if (*text != *prefix)
			return NULL;
	return text;
}

/* Returns where it ends; what does not fit is left out. */
char *text_put(char *to, char *end, const char *text)
{
	while (*text && to < end - 1)
		*to++ = *text++;
	if (to < end)
		*to = '\0';
	return to;
}

char *text_put_number(char *to, char *end, uint64_t number, unsigned int base)
{
	char digits[24], *first = digits + sizeof(digits) - 1;

	*first = '\0';
	do {
		*--first = "0123456789abcdef"[number % base];
		number /= base;
	} while (number);
	return text_put(to, end, first);
}

/* Reads one; returns what is behind it, NULL: there is none. */
const char *text_number(const char *text, uint64_t *number)
{
	if (*text < '0' || *text > '9')
		return NULL;
	for (*number = 0; *text >= '0' && *text <= '9'; text++)
		*number = *number * 10 + (*text - '0');
	return text;
}
