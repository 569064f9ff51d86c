"""Why a port fails: what repairs it, and what a net makes of errors on their way."""
