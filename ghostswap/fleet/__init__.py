"""Many censuses, one answer: from files of many hosts to Populations, by an engine of SQL."""
