import { openFile, StreamingResponse } from 'catzilla'
import { files } from '../data.mjs'

/** @type {import('../app.mjs').Route} */
export default (app) => {
  // On Linux the kernel sends the file; its bytes never come into this process.
  app.get('/download', async () => {
    return new StreamingResponse(await openFile(files.zipcodes), {
      contentType: 'text/csv; charset=utf-8',
      headers: { 'content-disposition': 'attachment; filename="zipcodes.csv"' },
    })
  })
}
