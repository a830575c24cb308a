#include "tls_kernel.h"

#include <openssl/opensslconf.h>
#include <stdio.h>
#include <string.h>

bool tls_kernel_offers(const char *list)
{
	FILE *file = fopen(list, "re");
	char word[64];
	bool found = false;

	if (!file)
		return false;
	while (!found && fscanf(file, "%63s", word) == 1)
		found = strcmp(word, "tls") == 0;
	fclose(file);
	return found;
}

const char *tls_kernel_why_not(void)
{
#ifdef OPENSSL_NO_KTLS
	return "OpenSSL was built without it";
#else
	return tls_kernel_offers(TLS_KERNEL_LIST)
	               ? "kernel and OpenSSL offer it, but records are made in this process"
	               : "this kernel does not offer it, or has not loaded it";
#endif
}
