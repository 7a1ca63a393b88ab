"""The store room: the database and the files, behind `store.Store`; nothing else writes to the data folder."""
