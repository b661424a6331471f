/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EXIT_COUNTER_H
#define EXIT_COUNTER_H

#include <stdint.h>

/**
 * open_exit_counter() - count the VM exits on this CPU, whoever has them
 *
 * An exit takes more instructions from now on.
 *
 * Return: a descriptor; negative where that is not to be had.
 */
int open_exit_counter(void);

/**
 * read_exit_counter() - so many there were
 * @counter: what open_exit_counter() returned
 *
 * Return: their number since then.
 */
uint64_t read_exit_counter(int counter);

#endif /* EXIT_COUNTER_H */
