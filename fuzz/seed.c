// SPDX-License-Identifier: GPL-2.0-only
/* A program as small as can be, with every kind of segment. */

/* not static: the compiler does not know what is in them */
int data = 1, zero[3000];

void _start(void)
{
	for (;;)
		data += zero[data];
}
