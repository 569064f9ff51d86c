"""The command `tvn`: one thin file a verb, each importing what it needs when it runs."""
