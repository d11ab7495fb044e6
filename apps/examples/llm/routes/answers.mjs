/** @type {import('../app.mjs').Route} */
export default (app, { answers }) => {
  app.get('/answers', () => answers.list())

  // Stop. Not a closed connection: that may as well be a phone in a tunnel, and its reader still wants the answer.
  app.delete('/answers/:id', ({ params }) => answers.stop(params.id))
}
