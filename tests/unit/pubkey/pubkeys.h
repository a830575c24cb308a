/* pubkeys - public keys in the form of authorized_keys, made by ssh-keygen, for tests. */
#ifndef UNIT_PUBKEYS_H
#define UNIT_PUBKEYS_H

#define PUBKEYS_ED25519                                                                            \
	"ssh-ed25519 "                                                                             \
	"AAAAC3NzaC1lZDI1NTE5AAAAIBeCYpJZ74iG9uf6q+aZGCZ3yzQEo8r1Sczp6cuq"                         \
	"VBSb"
#define PUBKEYS_P256                                                                               \
	"ecdsa-sha2-nistp256 "                                                                     \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBNgFxd40nsG7"                         \
	"sGQyIFXYKUl4lpGJ9sjphOPuNt3x5izcfuys03E9zERDNVt9nx8Yi1x38gh/RdLU"                         \
	"dYi+lCOhvsc="
/* A type that is not read. */
#define PUBKEYS_RSA "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ=="

#endif
