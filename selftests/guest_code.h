/* SPDX-License-Identifier: GPL-2.0-only */
/* Code for guests, written as assembly. */
#ifndef DUNE_SELFTESTS_GUEST_CODE_H
#define DUNE_SELFTESTS_GUEST_CODE_H

/**
 * struct guest_code - a piece of code to copy
 * @start: its first byte
 * @next: where it goes on after an exception
 * @end: behind its last byte
 */
struct guest_code {
	const char *start, *next, *end;
};

/**
 * CODE() - define a struct guest_code
 * @name: of it
 * @text: instructions
 * @rest: those that follow after an exception in the first
 */
#define CODE(name, text, rest)						\
	extern const char name##_start[]				\
		__attribute__((visibility("hidden")));			\
	extern const char name##_next[]					\
		__attribute__((visibility("hidden")));			\
	extern const char name##_end[]					\
		__attribute__((visibility("hidden")));			\
	asm(".pushsection .text\n"					\
	    #name "_start:\n\t" text "\n"				\
	    #name "_next:\n\t" rest "\n"				\
	    #name "_end:\n"						\
	    ".popsection\n");						\
	static const struct guest_code name = {				\
		name##_start, name##_next, name##_end			\
	}

#endif /* DUNE_SELFTESTS_GUEST_CODE_H */
