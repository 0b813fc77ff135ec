"""The commands of topcert: each file of this folder that has a `COMMAND` is one."""
