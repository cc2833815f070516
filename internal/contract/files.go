package contract

// FilesPrefix begins the key of every object in the files bucket:
// "t/<tenant>/<request id>/<name>".
const FilesPrefix = "t/"
